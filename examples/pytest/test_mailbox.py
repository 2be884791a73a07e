# SPDX-License-Identifier: BSD-2-Clause
"""The `race` fixture: build C under ThreadSanitizer, run it, say what must or must not be seen."""


def test_flag_hands_the_letter_over(race):
    race.build("mailbox.c", cflags=["-DFLAG=atomic_int"]).run().assert_no_data_race()


def test_plain_flag_is_a_race(race):
    race.build("mailbox.c", cflags=["-DFLAG=int"]).run().assert_race(functions=["post", "collect"])
