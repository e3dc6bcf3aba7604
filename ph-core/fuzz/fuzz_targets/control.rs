#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ph_core::master::fuzz::control(data));
