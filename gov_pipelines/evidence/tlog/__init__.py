"""A transparency log as C2SP writes it: the tree, signed notes, checkpoints, proofs, policies, tiles, witnesses."""
