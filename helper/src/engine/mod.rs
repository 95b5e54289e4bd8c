//! The one thread that reads packets, decides, and gives verdicts.
