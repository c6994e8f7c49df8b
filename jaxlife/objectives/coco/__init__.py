"""The machinery of BBOB: COCO's random instances, its transformations, and the 24 noiseless functions."""
