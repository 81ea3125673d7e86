"""What a signature is told by: the first field computed, the decision at work, the part of a
figure. The face of it is replay/differential/signature.py, which also says why it is so."""
