"""Options of recurrent cells and sequences."""

from .declare import Table, boolean, enum8, float32, int32
from .enums import ActivationFunctionType, LSTMKernelType

__all__ = [
    "BidirectionalSequenceLSTMOptions",
    "BidirectionalSequenceRNNOptions",
    "LSTMOptions",
    "RNNOptions",
    "SVDFOptions",
    "SequenceRNNOptions",
    "UnidirectionalSequenceLSTMOptions",
]


class SVDFOptions(Table):
    """Options of SVDF."""

    rank: int = int32()
    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    asymmetric_quantize_inputs: bool = boolean()


class RNNOptions(Table):
    """Options of RNN."""

    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    asymmetric_quantize_inputs: bool = boolean()


class SequenceRNNOptions(Table):
    """Options of UNIDIRECTIONAL_SEQUENCE_RNN."""

    time_major: bool = boolean()
    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    asymmetric_quantize_inputs: bool = boolean()


class BidirectionalSequenceRNNOptions(Table):
    """Options of BIDIRECTIONAL_SEQUENCE_RNN."""

    time_major: bool = boolean()
    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    merge_outputs: bool = boolean()
    asymmetric_quantize_inputs: bool = boolean()


class LSTMOptions(Table):
    """Options of LSTM."""

    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    cell_clip: float = float32()
    proj_clip: float = float32()
    kernel_type: LSTMKernelType = enum8(LSTMKernelType)
    asymmetric_quantize_inputs: bool = boolean()


class UnidirectionalSequenceLSTMOptions(Table):
    """Options of UNIDIRECTIONAL_SEQUENCE_LSTM."""

    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    cell_clip: float = float32()
    proj_clip: float = float32()
    time_major: bool = boolean()
    asymmetric_quantize_inputs: bool = boolean()
    diagonal_recurrent_tensors: bool = boolean()


class BidirectionalSequenceLSTMOptions(Table):
    """Options of BIDIRECTIONAL_SEQUENCE_LSTM."""

    fused_activation_function: ActivationFunctionType = enum8(ActivationFunctionType)
    cell_clip: float = float32()
    proj_clip: float = float32()
    merge_outputs: bool = boolean()
    time_major: bool = boolean(True)
    asymmetric_quantize_inputs: bool = boolean()
