package dev.tidemill.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Takes tasks in. Every call is answered once the store has committed it (in `strict` mode: once it is on disk).
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class GatewayServiceGrpc {

  private GatewayServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "tidemill.v1.GatewayService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.EnqueueRequest,
      dev.tidemill.v1.EnqueueResponse> getEnqueueMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Enqueue",
      requestType = dev.tidemill.v1.EnqueueRequest.class,
      responseType = dev.tidemill.v1.EnqueueResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.EnqueueRequest,
      dev.tidemill.v1.EnqueueResponse> getEnqueueMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.EnqueueRequest, dev.tidemill.v1.EnqueueResponse> getEnqueueMethod;
    if ((getEnqueueMethod = GatewayServiceGrpc.getEnqueueMethod) == null) {
      synchronized (GatewayServiceGrpc.class) {
        if ((getEnqueueMethod = GatewayServiceGrpc.getEnqueueMethod) == null) {
          GatewayServiceGrpc.getEnqueueMethod = getEnqueueMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.EnqueueRequest, dev.tidemill.v1.EnqueueResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Enqueue"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.EnqueueRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.EnqueueResponse.getDefaultInstance()))
              .setSchemaDescriptor(new GatewayServiceMethodDescriptorSupplier("Enqueue"))
              .build();
        }
      }
    }
    return getEnqueueMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.BatchEnqueueRequest,
      dev.tidemill.v1.BatchEnqueueResponse> getBatchEnqueueMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "BatchEnqueue",
      requestType = dev.tidemill.v1.BatchEnqueueRequest.class,
      responseType = dev.tidemill.v1.BatchEnqueueResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.BatchEnqueueRequest,
      dev.tidemill.v1.BatchEnqueueResponse> getBatchEnqueueMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.BatchEnqueueRequest, dev.tidemill.v1.BatchEnqueueResponse> getBatchEnqueueMethod;
    if ((getBatchEnqueueMethod = GatewayServiceGrpc.getBatchEnqueueMethod) == null) {
      synchronized (GatewayServiceGrpc.class) {
        if ((getBatchEnqueueMethod = GatewayServiceGrpc.getBatchEnqueueMethod) == null) {
          GatewayServiceGrpc.getBatchEnqueueMethod = getBatchEnqueueMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.BatchEnqueueRequest, dev.tidemill.v1.BatchEnqueueResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "BatchEnqueue"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.BatchEnqueueRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.BatchEnqueueResponse.getDefaultInstance()))
              .setSchemaDescriptor(new GatewayServiceMethodDescriptorSupplier("BatchEnqueue"))
              .build();
        }
      }
    }
    return getBatchEnqueueMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.CancelTaskRequest,
      dev.tidemill.v1.CancelTaskResponse> getCancelTaskMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CancelTask",
      requestType = dev.tidemill.v1.CancelTaskRequest.class,
      responseType = dev.tidemill.v1.CancelTaskResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.CancelTaskRequest,
      dev.tidemill.v1.CancelTaskResponse> getCancelTaskMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.CancelTaskRequest, dev.tidemill.v1.CancelTaskResponse> getCancelTaskMethod;
    if ((getCancelTaskMethod = GatewayServiceGrpc.getCancelTaskMethod) == null) {
      synchronized (GatewayServiceGrpc.class) {
        if ((getCancelTaskMethod = GatewayServiceGrpc.getCancelTaskMethod) == null) {
          GatewayServiceGrpc.getCancelTaskMethod = getCancelTaskMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.CancelTaskRequest, dev.tidemill.v1.CancelTaskResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CancelTask"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.CancelTaskRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.CancelTaskResponse.getDefaultInstance()))
              .setSchemaDescriptor(new GatewayServiceMethodDescriptorSupplier("CancelTask"))
              .build();
        }
      }
    }
    return getCancelTaskMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static GatewayServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<GatewayServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<GatewayServiceStub>() {
        @java.lang.Override
        public GatewayServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new GatewayServiceStub(channel, callOptions);
        }
      };
    return GatewayServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static GatewayServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<GatewayServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<GatewayServiceBlockingV2Stub>() {
        @java.lang.Override
        public GatewayServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new GatewayServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return GatewayServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static GatewayServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<GatewayServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<GatewayServiceBlockingStub>() {
        @java.lang.Override
        public GatewayServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new GatewayServiceBlockingStub(channel, callOptions);
        }
      };
    return GatewayServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static GatewayServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<GatewayServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<GatewayServiceFutureStub>() {
        @java.lang.Override
        public GatewayServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new GatewayServiceFutureStub(channel, callOptions);
        }
      };
    return GatewayServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Takes tasks in. Every call is answered once the store has committed it (in `strict` mode: once it is on disk).
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Stores one task and answers with its id. Safe to retry with the same idempotency key; without a key, a retry after
     * `outcome=unknown` may make a second task.
     * Errors: INVALID_REQUEST, IDEMPOTENCY_KEY_REUSED, QUEUE_FULL, QUEUE_BYTES_EXCEEDED, MEMORY_EXHAUSTED, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    default void enqueue(dev.tidemill.v1.EnqueueRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.EnqueueResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getEnqueueMethod(), responseObserver);
    }

    /**
     * <pre>
     * Stores up to 1,000 tasks, each on its own: one outcome for each entry, in order. The call as a whole fails only if it has more
     * than 1,000 entries or is larger than 4 MiB.
     * </pre>
     */
    default void batchEnqueue(dev.tidemill.v1.BatchEnqueueRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.BatchEnqueueResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getBatchEnqueueMethod(), responseObserver);
    }

    /**
     * <pre>
     * Cancels a task. A waiting task ends at once; a running one gets a cancel request through its lease and ends when its handler
     * agrees (it may still succeed); a finished one answers OK with its state. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    default void cancelTask(dev.tidemill.v1.CancelTaskRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.CancelTaskResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCancelTaskMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service GatewayService.
   * <pre>
   * Takes tasks in. Every call is answered once the store has committed it (in `strict` mode: once it is on disk).
   * </pre>
   */
  public static abstract class GatewayServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return GatewayServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service GatewayService.
   * <pre>
   * Takes tasks in. Every call is answered once the store has committed it (in `strict` mode: once it is on disk).
   * </pre>
   */
  public static final class GatewayServiceStub
      extends io.grpc.stub.AbstractAsyncStub<GatewayServiceStub> {
    private GatewayServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected GatewayServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new GatewayServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores one task and answers with its id. Safe to retry with the same idempotency key; without a key, a retry after
     * `outcome=unknown` may make a second task.
     * Errors: INVALID_REQUEST, IDEMPOTENCY_KEY_REUSED, QUEUE_FULL, QUEUE_BYTES_EXCEEDED, MEMORY_EXHAUSTED, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    public void enqueue(dev.tidemill.v1.EnqueueRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.EnqueueResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getEnqueueMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Stores up to 1,000 tasks, each on its own: one outcome for each entry, in order. The call as a whole fails only if it has more
     * than 1,000 entries or is larger than 4 MiB.
     * </pre>
     */
    public void batchEnqueue(dev.tidemill.v1.BatchEnqueueRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.BatchEnqueueResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getBatchEnqueueMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Cancels a task. A waiting task ends at once; a running one gets a cancel request through its lease and ends when its handler
     * agrees (it may still succeed); a finished one answers OK with its state. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public void cancelTask(dev.tidemill.v1.CancelTaskRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.CancelTaskResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCancelTaskMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service GatewayService.
   * <pre>
   * Takes tasks in. Every call is answered once the store has committed it (in `strict` mode: once it is on disk).
   * </pre>
   */
  public static final class GatewayServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<GatewayServiceBlockingV2Stub> {
    private GatewayServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected GatewayServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new GatewayServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores one task and answers with its id. Safe to retry with the same idempotency key; without a key, a retry after
     * `outcome=unknown` may make a second task.
     * Errors: INVALID_REQUEST, IDEMPOTENCY_KEY_REUSED, QUEUE_FULL, QUEUE_BYTES_EXCEEDED, MEMORY_EXHAUSTED, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    public dev.tidemill.v1.EnqueueResponse enqueue(dev.tidemill.v1.EnqueueRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getEnqueueMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stores up to 1,000 tasks, each on its own: one outcome for each entry, in order. The call as a whole fails only if it has more
     * than 1,000 entries or is larger than 4 MiB.
     * </pre>
     */
    public dev.tidemill.v1.BatchEnqueueResponse batchEnqueue(dev.tidemill.v1.BatchEnqueueRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getBatchEnqueueMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Cancels a task. A waiting task ends at once; a running one gets a cancel request through its lease and ends when its handler
     * agrees (it may still succeed); a finished one answers OK with its state. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.CancelTaskResponse cancelTask(dev.tidemill.v1.CancelTaskRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCancelTaskMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service GatewayService.
   * <pre>
   * Takes tasks in. Every call is answered once the store has committed it (in `strict` mode: once it is on disk).
   * </pre>
   */
  public static final class GatewayServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<GatewayServiceBlockingStub> {
    private GatewayServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected GatewayServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new GatewayServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores one task and answers with its id. Safe to retry with the same idempotency key; without a key, a retry after
     * `outcome=unknown` may make a second task.
     * Errors: INVALID_REQUEST, IDEMPOTENCY_KEY_REUSED, QUEUE_FULL, QUEUE_BYTES_EXCEEDED, MEMORY_EXHAUSTED, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    public dev.tidemill.v1.EnqueueResponse enqueue(dev.tidemill.v1.EnqueueRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getEnqueueMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stores up to 1,000 tasks, each on its own: one outcome for each entry, in order. The call as a whole fails only if it has more
     * than 1,000 entries or is larger than 4 MiB.
     * </pre>
     */
    public dev.tidemill.v1.BatchEnqueueResponse batchEnqueue(dev.tidemill.v1.BatchEnqueueRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getBatchEnqueueMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Cancels a task. A waiting task ends at once; a running one gets a cancel request through its lease and ends when its handler
     * agrees (it may still succeed); a finished one answers OK with its state. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.CancelTaskResponse cancelTask(dev.tidemill.v1.CancelTaskRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCancelTaskMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service GatewayService.
   * <pre>
   * Takes tasks in. Every call is answered once the store has committed it (in `strict` mode: once it is on disk).
   * </pre>
   */
  public static final class GatewayServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<GatewayServiceFutureStub> {
    private GatewayServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected GatewayServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new GatewayServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Stores one task and answers with its id. Safe to retry with the same idempotency key; without a key, a retry after
     * `outcome=unknown` may make a second task.
     * Errors: INVALID_REQUEST, IDEMPOTENCY_KEY_REUSED, QUEUE_FULL, QUEUE_BYTES_EXCEEDED, MEMORY_EXHAUSTED, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.EnqueueResponse> enqueue(
        dev.tidemill.v1.EnqueueRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getEnqueueMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Stores up to 1,000 tasks, each on its own: one outcome for each entry, in order. The call as a whole fails only if it has more
     * than 1,000 entries or is larger than 4 MiB.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.BatchEnqueueResponse> batchEnqueue(
        dev.tidemill.v1.BatchEnqueueRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getBatchEnqueueMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Cancels a task. A waiting task ends at once; a running one gets a cancel request through its lease and ends when its handler
     * agrees (it may still succeed); a finished one answers OK with its state. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.CancelTaskResponse> cancelTask(
        dev.tidemill.v1.CancelTaskRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCancelTaskMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_ENQUEUE = 0;
  private static final int METHODID_BATCH_ENQUEUE = 1;
  private static final int METHODID_CANCEL_TASK = 2;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_ENQUEUE:
          serviceImpl.enqueue((dev.tidemill.v1.EnqueueRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.EnqueueResponse>) responseObserver);
          break;
        case METHODID_BATCH_ENQUEUE:
          serviceImpl.batchEnqueue((dev.tidemill.v1.BatchEnqueueRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.BatchEnqueueResponse>) responseObserver);
          break;
        case METHODID_CANCEL_TASK:
          serviceImpl.cancelTask((dev.tidemill.v1.CancelTaskRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.CancelTaskResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getEnqueueMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.EnqueueRequest,
              dev.tidemill.v1.EnqueueResponse>(
                service, METHODID_ENQUEUE)))
        .addMethod(
          getBatchEnqueueMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.BatchEnqueueRequest,
              dev.tidemill.v1.BatchEnqueueResponse>(
                service, METHODID_BATCH_ENQUEUE)))
        .addMethod(
          getCancelTaskMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.CancelTaskRequest,
              dev.tidemill.v1.CancelTaskResponse>(
                service, METHODID_CANCEL_TASK)))
        .build();
  }

  private static abstract class GatewayServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    GatewayServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return dev.tidemill.v1.GatewayServiceOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("GatewayService");
    }
  }

  private static final class GatewayServiceFileDescriptorSupplier
      extends GatewayServiceBaseDescriptorSupplier {
    GatewayServiceFileDescriptorSupplier() {}
  }

  private static final class GatewayServiceMethodDescriptorSupplier
      extends GatewayServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    GatewayServiceMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (GatewayServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new GatewayServiceFileDescriptorSupplier())
              .addMethod(getEnqueueMethod())
              .addMethod(getBatchEnqueueMethod())
              .addMethod(getCancelTaskMethod())
              .build();
        }
      }
    }
    return result;
  }
}
