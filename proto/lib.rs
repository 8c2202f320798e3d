//! The Tidemill contract as Rust types, generated from `proto/` at build time.
//!
//! Features: `client` and `server` add the gRPC stubs (both on by default); without them only the messages are compiled.

#[cfg(any(feature = "client", feature = "server"))]
pub mod codec;

/// Package `tidemill.v1`.
pub mod tidemill {
    /// Version 1 of the contract. The comments live in the `.proto` files.
    #[allow(
        clippy::disallowed_methods,
        clippy::allow_attributes_without_reason,
        missing_docs,
        reason = "generated code, differing by feature"
    )]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/tidemill.v1.rs"));
    }
}

/// Foreign packages that the contract uses.
pub mod google {
    /// Package `google.rpc`: the standard error model.
    pub mod rpc {
        include!(concat!(env!("OUT_DIR"), "/google.rpc.rs"));
    }
}

/// KEDA's interface of external scalers.
#[allow(
    clippy::disallowed_methods,
    clippy::allow_attributes_without_reason,
    missing_docs,
    reason = "generated code, differing by feature"
)]
pub mod externalscaler {
    include!(concat!(env!("OUT_DIR"), "/externalscaler.rs"));
}

pub use tidemill::v1;

/// The encoded `FileDescriptorSet` of the contract and its imports, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tidemill_descriptor.bin"));
