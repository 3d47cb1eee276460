"""The book's tools on votes of one's own: ``audit.run(table)``, or the command."""

from illusion.audit.sections import Audit as Audit
from illusion.audit.sections import run as run
