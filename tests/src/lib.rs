//! Fixtures and helpers of the black-box suite.
