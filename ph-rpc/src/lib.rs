//! msgpack-RPC: messages and a sans-IO codec.
