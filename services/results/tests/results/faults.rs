//! A server that forgets its scripts, is killed, or stays away.

use std::time::Duration;

use tidemill_results::Config;
use tonic::Code;
use tonic_types::StatusExt;

use crate::common::*;

#[tokio::test]
async fn forgotten_scripts_are_loaded_again() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let (id, token) = world.running().await;
    let mut stream = watch(&mut client, id, 0).await;
    take(&mut stream, 2).await;
    assert_eq!(world.server.ask("SCRIPT FLUSH").as_deref(), Some("+OK"));
    world.chunk(token, "a").await;
    assert_eq!(next(&mut stream).await.sequence, 3);
    assert_eq!(world.server.ask("SCRIPT FLUSH").as_deref(), Some("+OK"));
    world.complete(token).await;
    assert_eq!(numbers(&rest(&mut stream).await.0), [4]);
}

#[tokio::test]
async fn watches_survive_a_restart_of_the_server() {
    let mut world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let (id, token) = world.running().await;
    world.chunk(token, "a").await;
    let mut idle = watch(&mut client, id, 0).await;
    take(&mut idle, 3).await;
    world.server.kill();
    // Opened while nobody is there: it reads with patience.
    let mut patient = watch(&mut client, id, 0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.server.resume();
    assert_eq!(numbers(&take(&mut patient, 3).await), [1, 2, 3]);
    world.complete(token).await;
    for stream in [&mut idle, &mut patient] {
        let (events, end) = rest(stream).await;
        end.unwrap();
        assert_eq!(numbers(&events), [4]);
        assert!(is_result(&events[0]));
    }
}

#[tokio::test]
async fn a_server_that_stays_away_ends_the_streams_that_read() {
    let mut world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let (id, token) = world.running().await;
    let mut idle = watch(&mut client, id, 0).await;
    take(&mut idle, 2).await;
    world.server.kill();
    let status = rest(&mut watch(&mut client, id, 0).await).await.1.unwrap_err();
    assert_reason(&status, Code::Unavailable, "STORE_UNAVAILABLE");
    assert!(status.get_error_details().retry_info().is_some());
    world.server.resume();
    world.complete(token).await;
    assert_eq!(
        numbers(&rest(&mut idle).await.0),
        [3],
        "one that had nothing to read was kept"
    );
}

#[tokio::test]
async fn another_store_in_its_place_ends_the_streams() {
    let world = World::new().await;
    let replica = world.replica(Config::default()).await;
    let mut client = replica.client().await;
    let (id, _) = world.running().await;
    assert_eq!(world.server.ask("FLUSHALL").as_deref(), Some("+OK"));
    let status = rest(&mut watch(&mut client, id, 0).await).await.1.unwrap_err();
    assert_reason(&status, Code::Unavailable, "STORE_CHANGED");
}
