"""What `weighbridge doctor` looks at, and the window's page of the same name: each part of an installation.

Nothing is changed by it, and no secret is in what it finds.
"""
