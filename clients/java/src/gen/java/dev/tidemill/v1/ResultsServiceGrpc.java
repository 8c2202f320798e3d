package dev.tidemill.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Answers what became of tasks. Any replica can answer for any task.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class ResultsServiceGrpc {

  private ResultsServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "tidemill.v1.ResultsService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.GetResultRequest,
      dev.tidemill.v1.GetResultResponse> getGetResultMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetResult",
      requestType = dev.tidemill.v1.GetResultRequest.class,
      responseType = dev.tidemill.v1.GetResultResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.GetResultRequest,
      dev.tidemill.v1.GetResultResponse> getGetResultMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.GetResultRequest, dev.tidemill.v1.GetResultResponse> getGetResultMethod;
    if ((getGetResultMethod = ResultsServiceGrpc.getGetResultMethod) == null) {
      synchronized (ResultsServiceGrpc.class) {
        if ((getGetResultMethod = ResultsServiceGrpc.getGetResultMethod) == null) {
          ResultsServiceGrpc.getGetResultMethod = getGetResultMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.GetResultRequest, dev.tidemill.v1.GetResultResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetResult"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.GetResultRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.GetResultResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ResultsServiceMethodDescriptorSupplier("GetResult"))
              .build();
        }
      }
    }
    return getGetResultMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.WatchResultRequest,
      dev.tidemill.v1.WatchResultResponse> getWatchResultMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchResult",
      requestType = dev.tidemill.v1.WatchResultRequest.class,
      responseType = dev.tidemill.v1.WatchResultResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.WatchResultRequest,
      dev.tidemill.v1.WatchResultResponse> getWatchResultMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.WatchResultRequest, dev.tidemill.v1.WatchResultResponse> getWatchResultMethod;
    if ((getWatchResultMethod = ResultsServiceGrpc.getWatchResultMethod) == null) {
      synchronized (ResultsServiceGrpc.class) {
        if ((getWatchResultMethod = ResultsServiceGrpc.getWatchResultMethod) == null) {
          ResultsServiceGrpc.getWatchResultMethod = getWatchResultMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.WatchResultRequest, dev.tidemill.v1.WatchResultResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchResult"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.WatchResultRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.WatchResultResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ResultsServiceMethodDescriptorSupplier("WatchResult"))
              .build();
        }
      }
    }
    return getWatchResultMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.WatchResultsRequest,
      dev.tidemill.v1.WatchResultsResponse> getWatchResultsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchResults",
      requestType = dev.tidemill.v1.WatchResultsRequest.class,
      responseType = dev.tidemill.v1.WatchResultsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.WatchResultsRequest,
      dev.tidemill.v1.WatchResultsResponse> getWatchResultsMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.WatchResultsRequest, dev.tidemill.v1.WatchResultsResponse> getWatchResultsMethod;
    if ((getWatchResultsMethod = ResultsServiceGrpc.getWatchResultsMethod) == null) {
      synchronized (ResultsServiceGrpc.class) {
        if ((getWatchResultsMethod = ResultsServiceGrpc.getWatchResultsMethod) == null) {
          ResultsServiceGrpc.getWatchResultsMethod = getWatchResultsMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.WatchResultsRequest, dev.tidemill.v1.WatchResultsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchResults"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.WatchResultsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.WatchResultsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new ResultsServiceMethodDescriptorSupplier("WatchResults"))
              .build();
        }
      }
    }
    return getWatchResultsMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static ResultsServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ResultsServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ResultsServiceStub>() {
        @java.lang.Override
        public ResultsServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ResultsServiceStub(channel, callOptions);
        }
      };
    return ResultsServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static ResultsServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ResultsServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ResultsServiceBlockingV2Stub>() {
        @java.lang.Override
        public ResultsServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ResultsServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return ResultsServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static ResultsServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ResultsServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ResultsServiceBlockingStub>() {
        @java.lang.Override
        public ResultsServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ResultsServiceBlockingStub(channel, callOptions);
        }
      };
    return ResultsServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static ResultsServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<ResultsServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<ResultsServiceFutureStub>() {
        @java.lang.Override
        public ResultsServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new ResultsServiceFutureStub(channel, callOptions);
        }
      };
    return ResultsServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Answers what became of tasks. Any replica can answer for any task.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * The task's state, and its output or error once it has finished. A task that is not finished is a normal answer, not an error.
     * With `wait` the answer is held back until the task finishes or the wait is over. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    default void getResult(dev.tidemill.v1.GetResultRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.GetResultResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetResultMethod(), responseObserver);
    }

    /**
     * <pre>
     * The task's log from `after_sequence` on, live: ordered, numbered, nothing missing but what a Truncated names. The last message is
     * always the result; then the stream ends OK. After a broken stream call again, at any replica, with the last sequence seen.
     * Errors: INVALID_REQUEST, TASK_NOT_FOUND, SEQUENCE_AHEAD, WATCH_LIMIT, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    default void watchResult(dev.tidemill.v1.WatchResultRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.WatchResultResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchResultMethod(), responseObserver);
    }

    /**
     * <pre>
     * The logs of many tasks over one stream. Add and remove tasks at any time; an error of one task does not end the stream. A task leaves
     * the stream by itself after its result or its error. The stream ends when the client half-closes and every task has left.
     * </pre>
     */
    default io.grpc.stub.StreamObserver<dev.tidemill.v1.WatchResultsRequest> watchResults(
        io.grpc.stub.StreamObserver<dev.tidemill.v1.WatchResultsResponse> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getWatchResultsMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service ResultsService.
   * <pre>
   * Answers what became of tasks. Any replica can answer for any task.
   * </pre>
   */
  public static abstract class ResultsServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return ResultsServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service ResultsService.
   * <pre>
   * Answers what became of tasks. Any replica can answer for any task.
   * </pre>
   */
  public static final class ResultsServiceStub
      extends io.grpc.stub.AbstractAsyncStub<ResultsServiceStub> {
    private ResultsServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ResultsServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ResultsServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * The task's state, and its output or error once it has finished. A task that is not finished is a normal answer, not an error.
     * With `wait` the answer is held back until the task finishes or the wait is over. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public void getResult(dev.tidemill.v1.GetResultRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.GetResultResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetResultMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The task's log from `after_sequence` on, live: ordered, numbered, nothing missing but what a Truncated names. The last message is
     * always the result; then the stream ends OK. After a broken stream call again, at any replica, with the last sequence seen.
     * Errors: INVALID_REQUEST, TASK_NOT_FOUND, SEQUENCE_AHEAD, WATCH_LIMIT, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    public void watchResult(dev.tidemill.v1.WatchResultRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.WatchResultResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchResultMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * The logs of many tasks over one stream. Add and remove tasks at any time; an error of one task does not end the stream. A task leaves
     * the stream by itself after its result or its error. The stream ends when the client half-closes and every task has left.
     * </pre>
     */
    public io.grpc.stub.StreamObserver<dev.tidemill.v1.WatchResultsRequest> watchResults(
        io.grpc.stub.StreamObserver<dev.tidemill.v1.WatchResultsResponse> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncBidiStreamingCall(
          getChannel().newCall(getWatchResultsMethod(), getCallOptions()), responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service ResultsService.
   * <pre>
   * Answers what became of tasks. Any replica can answer for any task.
   * </pre>
   */
  public static final class ResultsServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<ResultsServiceBlockingV2Stub> {
    private ResultsServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ResultsServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ResultsServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * The task's state, and its output or error once it has finished. A task that is not finished is a normal answer, not an error.
     * With `wait` the answer is held back until the task finishes or the wait is over. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.GetResultResponse getResult(dev.tidemill.v1.GetResultRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetResultMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The task's log from `after_sequence` on, live: ordered, numbered, nothing missing but what a Truncated names. The last message is
     * always the result; then the stream ends OK. After a broken stream call again, at any replica, with the last sequence seen.
     * Errors: INVALID_REQUEST, TASK_NOT_FOUND, SEQUENCE_AHEAD, WATCH_LIMIT, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, dev.tidemill.v1.WatchResultResponse>
        watchResult(dev.tidemill.v1.WatchResultRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchResultMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The logs of many tasks over one stream. Add and remove tasks at any time; an error of one task does not end the stream. A task leaves
     * the stream by itself after its result or its error. The stream ends when the client half-closes and every task has left.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<dev.tidemill.v1.WatchResultsRequest, dev.tidemill.v1.WatchResultsResponse>
        watchResults() {
      return io.grpc.stub.ClientCalls.blockingBidiStreamingCall(
          getChannel(), getWatchResultsMethod(), getCallOptions());
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service ResultsService.
   * <pre>
   * Answers what became of tasks. Any replica can answer for any task.
   * </pre>
   */
  public static final class ResultsServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<ResultsServiceBlockingStub> {
    private ResultsServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ResultsServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ResultsServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * The task's state, and its output or error once it has finished. A task that is not finished is a normal answer, not an error.
     * With `wait` the answer is held back until the task finishes or the wait is over. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.GetResultResponse getResult(dev.tidemill.v1.GetResultRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetResultMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * The task's log from `after_sequence` on, live: ordered, numbered, nothing missing but what a Truncated names. The last message is
     * always the result; then the stream ends OK. After a broken stream call again, at any replica, with the last sequence seen.
     * Errors: INVALID_REQUEST, TASK_NOT_FOUND, SEQUENCE_AHEAD, WATCH_LIMIT, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    public java.util.Iterator<dev.tidemill.v1.WatchResultResponse> watchResult(
        dev.tidemill.v1.WatchResultRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchResultMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service ResultsService.
   * <pre>
   * Answers what became of tasks. Any replica can answer for any task.
   * </pre>
   */
  public static final class ResultsServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<ResultsServiceFutureStub> {
    private ResultsServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected ResultsServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new ResultsServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * The task's state, and its output or error once it has finished. A task that is not finished is a normal answer, not an error.
     * With `wait` the answer is held back until the task finishes or the wait is over. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.GetResultResponse> getResult(
        dev.tidemill.v1.GetResultRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetResultMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_GET_RESULT = 0;
  private static final int METHODID_WATCH_RESULT = 1;
  private static final int METHODID_WATCH_RESULTS = 2;

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
        case METHODID_GET_RESULT:
          serviceImpl.getResult((dev.tidemill.v1.GetResultRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.GetResultResponse>) responseObserver);
          break;
        case METHODID_WATCH_RESULT:
          serviceImpl.watchResult((dev.tidemill.v1.WatchResultRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.WatchResultResponse>) responseObserver);
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
        case METHODID_WATCH_RESULTS:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.watchResults(
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.WatchResultsResponse>) responseObserver);
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getGetResultMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.GetResultRequest,
              dev.tidemill.v1.GetResultResponse>(
                service, METHODID_GET_RESULT)))
        .addMethod(
          getWatchResultMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              dev.tidemill.v1.WatchResultRequest,
              dev.tidemill.v1.WatchResultResponse>(
                service, METHODID_WATCH_RESULT)))
        .addMethod(
          getWatchResultsMethod(),
          io.grpc.stub.ServerCalls.asyncBidiStreamingCall(
            new MethodHandlers<
              dev.tidemill.v1.WatchResultsRequest,
              dev.tidemill.v1.WatchResultsResponse>(
                service, METHODID_WATCH_RESULTS)))
        .build();
  }

  private static abstract class ResultsServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    ResultsServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return dev.tidemill.v1.ResultsServiceOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("ResultsService");
    }
  }

  private static final class ResultsServiceFileDescriptorSupplier
      extends ResultsServiceBaseDescriptorSupplier {
    ResultsServiceFileDescriptorSupplier() {}
  }

  private static final class ResultsServiceMethodDescriptorSupplier
      extends ResultsServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    ResultsServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (ResultsServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new ResultsServiceFileDescriptorSupplier())
              .addMethod(getGetResultMethod())
              .addMethod(getWatchResultMethod())
              .addMethod(getWatchResultsMethod())
              .build();
        }
      }
    }
    return result;
  }
}
