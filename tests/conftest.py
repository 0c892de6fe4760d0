"""What must every test find the same, however pytest was started?"""

import signal

# a background job of a non-interactive shell ignores SIGINT, and so would every command that a test ends with Ctrl-C
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # and nohup has SIGHUP ignored
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
