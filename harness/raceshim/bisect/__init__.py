# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim bisect`: the commit that a race came with, though it shows in some runs only.

`_odds` says how many silent runs make a commit good, `_search` which commit is next; both know
nothing of git or of programs. `_repository` asks git and keeps a work tree, `_target` knows the
finding again, `_lab` builds a commit and runs the command there, `_state` is what is left when it
is interrupted. `_bisection` has the steps, `_rate` reads a rate that is told, `_main` the command
line.
"""
