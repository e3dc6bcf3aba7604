"""supervisor's: the application as a program, which serves nobody."""

import signal

import python_application

python_application.ready()
while True:
    signal.pause()
