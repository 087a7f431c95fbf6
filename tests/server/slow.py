"""`xsearch` with an encoder that takes its time: SECONDS for each batch, whatever is in it."""

import os
import time

from xsearch.encoder.encoder import Encoder

encode = Encoder.encode


def slowly(self, texts, space="shared"):
    time.sleep(float(os.environ["SECONDS"]))
    return encode(self, texts, space)


Encoder.encode = slowly

from xsearch.cli.main import run  # noqa: E402

run()
