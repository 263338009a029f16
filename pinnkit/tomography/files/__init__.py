"""Scans and images in files, one format a file."""

from .arrays import write_scan as write_scan
from .dicom import Slice as Slice
from .dicom import read_dicom as read_dicom
from .dicom import write_dicom as write_dicom
from .images import read_image as read_image
from .images import write_png as write_png
from .images import write_tiff as write_tiff
from .scans import read_scan as read_scan
