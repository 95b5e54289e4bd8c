//! The kernel's socket tables, read and changed through sock_diag(7).
