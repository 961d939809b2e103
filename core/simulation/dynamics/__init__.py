"""What changes from frame to frame: drift, rotation, defocus, tilt, beam, and atoms that come and go."""
