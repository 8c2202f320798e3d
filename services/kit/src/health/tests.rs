use tokio_stream::StreamExt;

use super::*;

async fn check(health: &Health, service: &str) -> Result<ServingStatus, tonic::Code> {
    let request = Request::new(HealthCheckRequest {
        service: service.to_owned(),
    });
    let answer = HealthService(health.clone()).check(request).await;
    answer.map(|r| r.into_inner().status()).map_err(|s| s.code())
}

#[tokio::test]
async fn all_conditions_must_hold() {
    let health = Health::new();
    health.declare("redis");
    health.register_service_name("x.Y");
    assert_eq!(
        health.readiness(),
        Err(vec![
            ("redis", "not checked yet".to_owned()),
            (SERVING, "starting".to_owned())
        ])
    );
    health.set_ready(SERVING);
    health.set_not_ready("redis", "connection refused");
    health.declare("redis");
    assert_eq!(
        health.readiness(),
        Err(vec![("redis", "connection refused".to_owned())])
    );
    assert_eq!(check(&health, "").await, Ok(ServingStatus::NotServing));
    assert_eq!(check(&health, "x.Y").await, Ok(ServingStatus::NotServing));
    assert_eq!(check(&health, LIVENESS).await, Ok(ServingStatus::Serving));
    health.set_ready("redis");
    health.wait_until_ready().await;
    assert_eq!(health.readiness(), Ok(()));
    assert_eq!(check(&health, "").await, Ok(ServingStatus::Serving));
    assert_eq!(check(&health, "x.Y").await, Ok(ServingStatus::Serving));
    assert_eq!(check(&health, "no.Such").await, Err(tonic::Code::NotFound));
    health.begin_shutdown();
    assert_eq!(health.readiness(), Err(vec![("shutdown", "shutting down".to_owned())]));
    assert_eq!(check(&health, "").await, Ok(ServingStatus::NotServing));
    assert_eq!(check(&health, LIVENESS).await, Ok(ServingStatus::Serving));
}

#[tokio::test]
async fn a_watch_sees_changes_and_ends_with_the_shutdown() {
    let health = Health::new();
    let request = Request::new(HealthCheckRequest { service: String::new() });
    let mut watch = HealthService(health.clone()).watch(request).await.unwrap().into_inner();
    let mut next = async || watch.next().await.map(|r| r.unwrap().status());
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    health.set_ready(SERVING);
    assert_eq!(next().await, Some(ServingStatus::Serving));
    // A change that changes no status is not sent.
    health.register_service_name("x.Y");
    health.begin_shutdown();
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    assert_eq!(next().await, None);
}

#[tokio::test]
async fn a_watch_of_an_unknown_service_waits_for_it() {
    let health = Health::new();
    let request = Request::new(HealthCheckRequest {
        service: "x.Y".to_owned(),
    });
    let mut watch = HealthService(health.clone()).watch(request).await.unwrap().into_inner();
    assert_eq!(
        watch.next().await.unwrap().unwrap().status(),
        ServingStatus::ServiceUnknown
    );
    health.register_service_name("x.Y");
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
}
