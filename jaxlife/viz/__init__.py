"""Frames to pictures, video and static pages."""
