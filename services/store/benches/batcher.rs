//! Group commit without a server: what a call costs that shares a batch with so many others.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made stops loudly")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use tidemill_kit::grpc::ServerContext;
use tidemill_store::internals::EchoBatcher;
use tokio::runtime::Builder;

fn group_commit(c: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let context = ServerContext::standalone();
    let batcher = {
        let _inside = runtime.enter();
        EchoBatcher::start(&context.supervisor)
    };
    let mut group = c.benchmark_group("batcher");
    for calls in [1_u64, 16, 128] {
        group.throughput(Throughput::Elements(calls));
        group.bench_with_input(BenchmarkId::from_parameter(calls), &calls, |b, calls| {
            b.iter(|| runtime.block_on(join_all((0..*calls).map(|number| batcher.call(number)))));
        });
    }
    group.finish();
}

criterion_group!(benches, group_commit);
criterion_main!(benches);
