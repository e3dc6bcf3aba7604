//! What can be wrong with the description of a cluster.

/// Why there can't be an election by this description.
#[derive(Debug, thiserror::Error)]
pub enum EtcdError {
    /// Nowhere to ask.
    #[error("no address of an etcd member is given")]
    NoEndpoint,
    /// Not an address.
    #[error("{0:?} is no address of an etcd member; give it as http://10.0.0.1:2379")]
    Endpoint(String),
    /// Encrypted, and this program can't do that.
    #[error("{0} needs TLS, and this program was built without (ph-leader's feature `tls`)")]
    Encrypted(String),
    /// Nothing to meet at.
    #[error("the election's key is empty; give it a name that all candidates share")]
    Key,
    /// The name of another election's second key, perhaps.
    #[error(
        "{0:?} is the name of an election's record; give the election's key a name that does not end in \"/last-leader\""
    )]
    RecordKey(String),
    /// A certificate or key that is of no use.
    #[error("{}: {why}", path.display())]
    Pem {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
}
