//! The services that every gRPC port has besides its own.

use tonic::service::{Routes, RoutesBuilder};

use super::serve::ServerContext;

/// A descriptor set could not be used: a bug of the build.
#[derive(Debug, thiserror::Error)]
#[error("descriptor sets: {0}")]
pub struct RoutesError(String);

/// Adds `grpc.health.v1`, reflection v1 and v1alpha (older grpcurl), and metrics of every call. `descriptor_sets` are the encoded
/// sets of the services in `builder`; only methods that they contain get metrics of their own, so a stranger cannot make up labels.
pub fn routes_with_standard_services(
    mut builder: RoutesBuilder,
    context: &ServerContext,
    descriptor_sets: &[&'static [u8]],
) -> Result<Routes, RoutesError> {
    let sets = || {
        descriptor_sets
            .iter()
            .copied()
            .chain([tonic_health::pb::FILE_DESCRIPTOR_SET])
    };
    let reflection = || {
        sets().fold(tonic_reflection::server::Builder::configure(), |builder, set| {
            builder.register_encoded_file_descriptor_set(set)
        })
    };
    builder.add_service(context.health.service());
    builder.add_service(
        reflection()
            .build_v1()
            .map_err(|error| RoutesError(error.to_string()))?,
    );
    builder.add_service(
        reflection()
            .build_v1alpha()
            .map_err(|error| RoutesError(error.to_string()))?,
    );
    let layer = context
        .grpc_metrics
        .layer(sets())
        .map_err(|error| RoutesError(error.to_string()))?;
    Ok(Routes::from(builder.routes().into_axum_router().layer(layer)))
}
