#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An honest stand-in for apk: apk.sh ROOT add|del|upgrade|base|info … --repo OUT; see apk.py.
exec /usr/bin/python3 "$(dirname "$0")/apk.py" "$@"
