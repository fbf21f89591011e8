#!/bin/bash -eu
# Licensed under the Apache License, Version 2.0: http://www.apache.org/licenses/LICENSE-2.0

# The same as for ClusterFuzzLite, so that there is one script to keep right.
exec "$SRC/fullduplex/.clusterfuzzlite/build.sh"
