//! A lossless INI document, a configparser-compatible resolver and typed settings for ProcessHandler.
