"""What a .tflite file is: read, verify, write, build."""
