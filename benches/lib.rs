//! Benches of fullduplex; see `README.md` beside this file.
