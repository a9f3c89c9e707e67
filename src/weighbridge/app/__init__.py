"""The application, put together from settings: the one place that names concrete parts.

`weighbridge up` starts one process of this package for each worker (`python -m weighbridge.app`).
"""
