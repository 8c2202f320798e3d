//! Compiles `proto/` with protox, a Protobuf compiler in Rust: no protoc is needed on the machine, and no generated Rust is kept in git.

use std::{env, error::Error, fs, path::PathBuf};

const FILES: [&str; 9] = [
    "tidemill/v1/task.proto",
    "tidemill/v1/error.proto",
    "tidemill/v1/gateway_service.proto",
    "tidemill/v1/results_service.proto",
    "tidemill/v1/worker_service.proto",
    "tidemill/v1/admin_service.proto",
    // Opened so that reflection clients can print the details of an error.
    "google/rpc/status.proto",
    "google/rpc/error_details.proto",
    // Served by the gateway for KEDA.
    "externalscaler/externalscaler.proto",
];

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells build scripts where to write through the environment"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=third_party");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut compiler = protox::Compiler::new(["proto", "third_party"])?;
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_files(FILES)?;
    // tonic's own option for this file is ignored by `compile_fds`; this form also keeps extension options.
    fs::write(
        out.join("tidemill_descriptor.bin"),
        compiler.encode_file_descriptor_set(),
    )?;
    tonic_prost_build::configure()
        .bytes(".")
        .codec_path("crate::codec::LeanCodec")
        .client_mod_attribute(".", "#[cfg(feature = \"client\")]")
        .server_mod_attribute(".", "#[cfg(feature = \"server\")]")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
