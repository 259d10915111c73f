"""Parameters in the words of other libraries, and theirs in ours: one file per library, each imported when it is asked for."""
