//! What each seam promises, checked on the fake and on the real adapter alike.

pub mod git;
