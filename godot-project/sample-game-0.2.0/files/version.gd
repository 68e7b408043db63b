# SPDX-License-Identifier: MIT
## The version the game shows and prints.
extends RefCounted

const TEXT: String = "0.2.0"
