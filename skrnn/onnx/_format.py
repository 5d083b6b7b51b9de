"""The format that writer and reader of ONNX files share."""

#: The key of the document among a file's strings, and the version of its form.
KEY, FORMAT = "skrnn", 1
#: The parts of a network: the one that reads X, and the one that decodes a step.
MAIN, DECODER = "main", "decoder"
