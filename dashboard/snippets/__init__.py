"""Python and commands that reproduce a view; the tests run them and compare."""

from dashboard.snippets.images import ImageSource as ImageSource
from dashboard.snippets.images import Mapped as Mapped
from dashboard.snippets.images import ModelSource as ModelSource
from dashboard.snippets.images import stimulus as stimulus
from dashboard.snippets.images import upload as upload
from dashboard.snippets.runs import run_code as run_code
from dashboard.snippets.runs import run_command as run_command
from dashboard.snippets.scores import ExplainCall as ExplainCall
from dashboard.snippets.scores import sentences_command as sentences_command
from dashboard.snippets.scores import similarity_code as similarity_code
from dashboard.snippets.scores import similarity_command as similarity_command
from dashboard.snippets.scores import zeroshot_code as zeroshot_code
from dashboard.snippets.trials import trial_code as trial_code
from dashboard.snippets.trials import trial_command as trial_command
from dashboard.snippets.units import responding_code as responding_code
from dashboard.snippets.units import responding_command as responding_command
from dashboard.snippets.units import search_code as search_code
from dashboard.snippets.units import unit_code as unit_code
