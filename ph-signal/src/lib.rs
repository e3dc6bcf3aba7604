//! Signal sets, a pollable source of pending signals, mask guards and a clean slate for children.
