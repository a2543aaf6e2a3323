"""A study as a folder of plain files, in and out (docs/formats.md). The 2023 trial's published records are one.

Reading is all or nothing: every file is checked first (`reading`), and one transaction writes (`storing`). Writing gives a
folder whose import is an equal study and whose export is the same bytes again (`writing`).
"""

from elicitation.study_folder.storing import import_study
from elicitation.study_folder.writing import export_study

__all__ = ["export_study", "import_study"]
