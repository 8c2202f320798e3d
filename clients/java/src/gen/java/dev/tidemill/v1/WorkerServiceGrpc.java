package dev.tidemill.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Hands tasks to handler processes, which are clients of this service, in any language.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class WorkerServiceGrpc {

  private WorkerServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "tidemill.v1.WorkerService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.WorkRequest,
      dev.tidemill.v1.WorkResponse> getWorkMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Work",
      requestType = dev.tidemill.v1.WorkRequest.class,
      responseType = dev.tidemill.v1.WorkResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.WorkRequest,
      dev.tidemill.v1.WorkResponse> getWorkMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.WorkRequest, dev.tidemill.v1.WorkResponse> getWorkMethod;
    if ((getWorkMethod = WorkerServiceGrpc.getWorkMethod) == null) {
      synchronized (WorkerServiceGrpc.class) {
        if ((getWorkMethod = WorkerServiceGrpc.getWorkMethod) == null) {
          WorkerServiceGrpc.getWorkMethod = getWorkMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.WorkRequest, dev.tidemill.v1.WorkResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Work"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.WorkRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.WorkResponse.getDefaultInstance()))
              .setSchemaDescriptor(new WorkerServiceMethodDescriptorSupplier("Work"))
              .build();
        }
      }
    }
    return getWorkMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.LeaseTasksRequest,
      dev.tidemill.v1.LeaseTasksResponse> getLeaseTasksMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "LeaseTasks",
      requestType = dev.tidemill.v1.LeaseTasksRequest.class,
      responseType = dev.tidemill.v1.LeaseTasksResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.LeaseTasksRequest,
      dev.tidemill.v1.LeaseTasksResponse> getLeaseTasksMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.LeaseTasksRequest, dev.tidemill.v1.LeaseTasksResponse> getLeaseTasksMethod;
    if ((getLeaseTasksMethod = WorkerServiceGrpc.getLeaseTasksMethod) == null) {
      synchronized (WorkerServiceGrpc.class) {
        if ((getLeaseTasksMethod = WorkerServiceGrpc.getLeaseTasksMethod) == null) {
          WorkerServiceGrpc.getLeaseTasksMethod = getLeaseTasksMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.LeaseTasksRequest, dev.tidemill.v1.LeaseTasksResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "LeaseTasks"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.LeaseTasksRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.LeaseTasksResponse.getDefaultInstance()))
              .setSchemaDescriptor(new WorkerServiceMethodDescriptorSupplier("LeaseTasks"))
              .build();
        }
      }
    }
    return getLeaseTasksMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.HeartbeatTasksRequest,
      dev.tidemill.v1.HeartbeatTasksResponse> getHeartbeatTasksMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "HeartbeatTasks",
      requestType = dev.tidemill.v1.HeartbeatTasksRequest.class,
      responseType = dev.tidemill.v1.HeartbeatTasksResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.HeartbeatTasksRequest,
      dev.tidemill.v1.HeartbeatTasksResponse> getHeartbeatTasksMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.HeartbeatTasksRequest, dev.tidemill.v1.HeartbeatTasksResponse> getHeartbeatTasksMethod;
    if ((getHeartbeatTasksMethod = WorkerServiceGrpc.getHeartbeatTasksMethod) == null) {
      synchronized (WorkerServiceGrpc.class) {
        if ((getHeartbeatTasksMethod = WorkerServiceGrpc.getHeartbeatTasksMethod) == null) {
          WorkerServiceGrpc.getHeartbeatTasksMethod = getHeartbeatTasksMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.HeartbeatTasksRequest, dev.tidemill.v1.HeartbeatTasksResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "HeartbeatTasks"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.HeartbeatTasksRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.HeartbeatTasksResponse.getDefaultInstance()))
              .setSchemaDescriptor(new WorkerServiceMethodDescriptorSupplier("HeartbeatTasks"))
              .build();
        }
      }
    }
    return getHeartbeatTasksMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.ReportProgressRequest,
      dev.tidemill.v1.ReportProgressResponse> getReportProgressMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ReportProgress",
      requestType = dev.tidemill.v1.ReportProgressRequest.class,
      responseType = dev.tidemill.v1.ReportProgressResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.ReportProgressRequest,
      dev.tidemill.v1.ReportProgressResponse> getReportProgressMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.ReportProgressRequest, dev.tidemill.v1.ReportProgressResponse> getReportProgressMethod;
    if ((getReportProgressMethod = WorkerServiceGrpc.getReportProgressMethod) == null) {
      synchronized (WorkerServiceGrpc.class) {
        if ((getReportProgressMethod = WorkerServiceGrpc.getReportProgressMethod) == null) {
          WorkerServiceGrpc.getReportProgressMethod = getReportProgressMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.ReportProgressRequest, dev.tidemill.v1.ReportProgressResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ReportProgress"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.ReportProgressRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.ReportProgressResponse.getDefaultInstance()))
              .setSchemaDescriptor(new WorkerServiceMethodDescriptorSupplier("ReportProgress"))
              .build();
        }
      }
    }
    return getReportProgressMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.CompleteTaskRequest,
      dev.tidemill.v1.CompleteTaskResponse> getCompleteTaskMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CompleteTask",
      requestType = dev.tidemill.v1.CompleteTaskRequest.class,
      responseType = dev.tidemill.v1.CompleteTaskResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.CompleteTaskRequest,
      dev.tidemill.v1.CompleteTaskResponse> getCompleteTaskMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.CompleteTaskRequest, dev.tidemill.v1.CompleteTaskResponse> getCompleteTaskMethod;
    if ((getCompleteTaskMethod = WorkerServiceGrpc.getCompleteTaskMethod) == null) {
      synchronized (WorkerServiceGrpc.class) {
        if ((getCompleteTaskMethod = WorkerServiceGrpc.getCompleteTaskMethod) == null) {
          WorkerServiceGrpc.getCompleteTaskMethod = getCompleteTaskMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.CompleteTaskRequest, dev.tidemill.v1.CompleteTaskResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CompleteTask"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.CompleteTaskRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.CompleteTaskResponse.getDefaultInstance()))
              .setSchemaDescriptor(new WorkerServiceMethodDescriptorSupplier("CompleteTask"))
              .build();
        }
      }
    }
    return getCompleteTaskMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.FailTaskRequest,
      dev.tidemill.v1.FailTaskResponse> getFailTaskMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "FailTask",
      requestType = dev.tidemill.v1.FailTaskRequest.class,
      responseType = dev.tidemill.v1.FailTaskResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.FailTaskRequest,
      dev.tidemill.v1.FailTaskResponse> getFailTaskMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.FailTaskRequest, dev.tidemill.v1.FailTaskResponse> getFailTaskMethod;
    if ((getFailTaskMethod = WorkerServiceGrpc.getFailTaskMethod) == null) {
      synchronized (WorkerServiceGrpc.class) {
        if ((getFailTaskMethod = WorkerServiceGrpc.getFailTaskMethod) == null) {
          WorkerServiceGrpc.getFailTaskMethod = getFailTaskMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.FailTaskRequest, dev.tidemill.v1.FailTaskResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "FailTask"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.FailTaskRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.FailTaskResponse.getDefaultInstance()))
              .setSchemaDescriptor(new WorkerServiceMethodDescriptorSupplier("FailTask"))
              .build();
        }
      }
    }
    return getFailTaskMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.ReleaseTaskRequest,
      dev.tidemill.v1.ReleaseTaskResponse> getReleaseTaskMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ReleaseTask",
      requestType = dev.tidemill.v1.ReleaseTaskRequest.class,
      responseType = dev.tidemill.v1.ReleaseTaskResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.ReleaseTaskRequest,
      dev.tidemill.v1.ReleaseTaskResponse> getReleaseTaskMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.ReleaseTaskRequest, dev.tidemill.v1.ReleaseTaskResponse> getReleaseTaskMethod;
    if ((getReleaseTaskMethod = WorkerServiceGrpc.getReleaseTaskMethod) == null) {
      synchronized (WorkerServiceGrpc.class) {
        if ((getReleaseTaskMethod = WorkerServiceGrpc.getReleaseTaskMethod) == null) {
          WorkerServiceGrpc.getReleaseTaskMethod = getReleaseTaskMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.ReleaseTaskRequest, dev.tidemill.v1.ReleaseTaskResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ReleaseTask"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.ReleaseTaskRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.ReleaseTaskResponse.getDefaultInstance()))
              .setSchemaDescriptor(new WorkerServiceMethodDescriptorSupplier("ReleaseTask"))
              .build();
        }
      }
    }
    return getReleaseTaskMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static WorkerServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<WorkerServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<WorkerServiceStub>() {
        @java.lang.Override
        public WorkerServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new WorkerServiceStub(channel, callOptions);
        }
      };
    return WorkerServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static WorkerServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<WorkerServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<WorkerServiceBlockingV2Stub>() {
        @java.lang.Override
        public WorkerServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new WorkerServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return WorkerServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static WorkerServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<WorkerServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<WorkerServiceBlockingStub>() {
        @java.lang.Override
        public WorkerServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new WorkerServiceBlockingStub(channel, callOptions);
        }
      };
    return WorkerServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static WorkerServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<WorkerServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<WorkerServiceFutureStub>() {
        @java.lang.Override
        public WorkerServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new WorkerServiceFutureStub(channel, callOptions);
        }
      };
    return WorkerServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Hands tasks to handler processes, which are clients of this service, in any language.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * The worker protocol over one stream. The client's first message is Register; the server then pushes as many assignments as the
     * client has credits, and pings; the echo of a ping renews the leases of the stream. If the stream breaks, renewal stops and
     * nothing else happens: reconnect, at any replica, and name the lease tokens still held. Half-close gives back, uncharged, what is left:
     * a client that gives up on a replica that hangs must cancel the stream or close the connection, not half-close.
     * Errors: INVALID_REQUEST, PROTOCOL_VIOLATION, STREAM_SILENT, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    default io.grpc.stub.StreamObserver<dev.tidemill.v1.WorkRequest> work(
        io.grpc.stub.StreamObserver<dev.tidemill.v1.WorkResponse> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getWorkMethod(), responseObserver);
    }

    /**
     * <pre>
     * Leases up to `max` tasks, waiting up to `wait` for the first. Repeating the call with the same request_id within a minute answers
     * with the same leases. Errors: INVALID_REQUEST, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    default void leaseTasks(dev.tidemill.v1.LeaseTasksRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.LeaseTasksResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getLeaseTasksMethod(), responseObserver);
    }

    /**
     * <pre>
     * Renews leases. Errors: INVALID_REQUEST, STORE_UNAVAILABLE. A lost lease is an answer of its entry, not an error.
     * </pre>
     */
    default void heartbeatTasks(dev.tidemill.v1.HeartbeatTasksRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.HeartbeatTasksResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getHeartbeatTasksMethod(), responseObserver);
    }

    /**
     * <pre>
     * Stores progress or a chunk of output of a leased task. Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    default void reportProgress(dev.tidemill.v1.ReportProgressRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.ReportProgressResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getReportProgressMethod(), responseObserver);
    }

    /**
     * <pre>
     * Ends the attempt and the task: SUCCEEDED; or FAILED with OUTPUT_TOO_LARGE if the output is over its limit. Saying it again is OK.
     * Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    default void completeTask(dev.tidemill.v1.CompleteTaskRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.CompleteTaskResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCompleteTaskMethod(), responseObserver);
    }

    /**
     * <pre>
     * Ends the attempt: the task is retried later, or is a dead letter (FAILED). Saying it again is OK.
     * Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    default void failTask(dev.tidemill.v1.FailTaskRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.FailTaskResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getFailTaskMethod(), responseObserver);
    }

    /**
     * <pre>
     * Gives the task back, to the head of its line, without charging an attempt. With `cancelled` it agrees to a cancel request instead
     * and ends the task. Saying it again is OK. Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    default void releaseTask(dev.tidemill.v1.ReleaseTaskRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.ReleaseTaskResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getReleaseTaskMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service WorkerService.
   * <pre>
   * Hands tasks to handler processes, which are clients of this service, in any language.
   * </pre>
   */
  public static abstract class WorkerServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return WorkerServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service WorkerService.
   * <pre>
   * Hands tasks to handler processes, which are clients of this service, in any language.
   * </pre>
   */
  public static final class WorkerServiceStub
      extends io.grpc.stub.AbstractAsyncStub<WorkerServiceStub> {
    private WorkerServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected WorkerServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new WorkerServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * The worker protocol over one stream. The client's first message is Register; the server then pushes as many assignments as the
     * client has credits, and pings; the echo of a ping renews the leases of the stream. If the stream breaks, renewal stops and
     * nothing else happens: reconnect, at any replica, and name the lease tokens still held. Half-close gives back, uncharged, what is left:
     * a client that gives up on a replica that hangs must cancel the stream or close the connection, not half-close.
     * Errors: INVALID_REQUEST, PROTOCOL_VIOLATION, STREAM_SILENT, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    public io.grpc.stub.StreamObserver<dev.tidemill.v1.WorkRequest> work(
        io.grpc.stub.StreamObserver<dev.tidemill.v1.WorkResponse> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncBidiStreamingCall(
          getChannel().newCall(getWorkMethod(), getCallOptions()), responseObserver);
    }

    /**
     * <pre>
     * Leases up to `max` tasks, waiting up to `wait` for the first. Repeating the call with the same request_id within a minute answers
     * with the same leases. Errors: INVALID_REQUEST, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    public void leaseTasks(dev.tidemill.v1.LeaseTasksRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.LeaseTasksResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getLeaseTasksMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Renews leases. Errors: INVALID_REQUEST, STORE_UNAVAILABLE. A lost lease is an answer of its entry, not an error.
     * </pre>
     */
    public void heartbeatTasks(dev.tidemill.v1.HeartbeatTasksRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.HeartbeatTasksResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getHeartbeatTasksMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Stores progress or a chunk of output of a leased task. Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public void reportProgress(dev.tidemill.v1.ReportProgressRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.ReportProgressResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getReportProgressMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Ends the attempt and the task: SUCCEEDED; or FAILED with OUTPUT_TOO_LARGE if the output is over its limit. Saying it again is OK.
     * Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public void completeTask(dev.tidemill.v1.CompleteTaskRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.CompleteTaskResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCompleteTaskMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Ends the attempt: the task is retried later, or is a dead letter (FAILED). Saying it again is OK.
     * Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public void failTask(dev.tidemill.v1.FailTaskRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.FailTaskResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getFailTaskMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Gives the task back, to the head of its line, without charging an attempt. With `cancelled` it agrees to a cancel request instead
     * and ends the task. Saying it again is OK. Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public void releaseTask(dev.tidemill.v1.ReleaseTaskRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.ReleaseTaskResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getReleaseTaskMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service WorkerService.
   * <pre>
   * Hands tasks to handler processes, which are clients of this service, in any language.
   * </pre>
   */
  public static final class WorkerServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<WorkerServiceBlockingV2Stub> {
    private WorkerServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected WorkerServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new WorkerServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * The worker protocol over one stream. The client's first message is Register; the server then pushes as many assignments as the
     * client has credits, and pings; the echo of a ping renews the leases of the stream. If the stream breaks, renewal stops and
     * nothing else happens: reconnect, at any replica, and name the lease tokens still held. Half-close gives back, uncharged, what is left:
     * a client that gives up on a replica that hangs must cancel the stream or close the connection, not half-close.
     * Errors: INVALID_REQUEST, PROTOCOL_VIOLATION, STREAM_SILENT, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<dev.tidemill.v1.WorkRequest, dev.tidemill.v1.WorkResponse>
        work() {
      return io.grpc.stub.ClientCalls.blockingBidiStreamingCall(
          getChannel(), getWorkMethod(), getCallOptions());
    }

    /**
     * <pre>
     * Leases up to `max` tasks, waiting up to `wait` for the first. Repeating the call with the same request_id within a minute answers
     * with the same leases. Errors: INVALID_REQUEST, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    public dev.tidemill.v1.LeaseTasksResponse leaseTasks(dev.tidemill.v1.LeaseTasksRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getLeaseTasksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Renews leases. Errors: INVALID_REQUEST, STORE_UNAVAILABLE. A lost lease is an answer of its entry, not an error.
     * </pre>
     */
    public dev.tidemill.v1.HeartbeatTasksResponse heartbeatTasks(dev.tidemill.v1.HeartbeatTasksRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getHeartbeatTasksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stores progress or a chunk of output of a leased task. Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.ReportProgressResponse reportProgress(dev.tidemill.v1.ReportProgressRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getReportProgressMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends the attempt and the task: SUCCEEDED; or FAILED with OUTPUT_TOO_LARGE if the output is over its limit. Saying it again is OK.
     * Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.CompleteTaskResponse completeTask(dev.tidemill.v1.CompleteTaskRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCompleteTaskMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends the attempt: the task is retried later, or is a dead letter (FAILED). Saying it again is OK.
     * Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.FailTaskResponse failTask(dev.tidemill.v1.FailTaskRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getFailTaskMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Gives the task back, to the head of its line, without charging an attempt. With `cancelled` it agrees to a cancel request instead
     * and ends the task. Saying it again is OK. Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.ReleaseTaskResponse releaseTask(dev.tidemill.v1.ReleaseTaskRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getReleaseTaskMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service WorkerService.
   * <pre>
   * Hands tasks to handler processes, which are clients of this service, in any language.
   * </pre>
   */
  public static final class WorkerServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<WorkerServiceBlockingStub> {
    private WorkerServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected WorkerServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new WorkerServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Leases up to `max` tasks, waiting up to `wait` for the first. Repeating the call with the same request_id within a minute answers
     * with the same leases. Errors: INVALID_REQUEST, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    public dev.tidemill.v1.LeaseTasksResponse leaseTasks(dev.tidemill.v1.LeaseTasksRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getLeaseTasksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Renews leases. Errors: INVALID_REQUEST, STORE_UNAVAILABLE. A lost lease is an answer of its entry, not an error.
     * </pre>
     */
    public dev.tidemill.v1.HeartbeatTasksResponse heartbeatTasks(dev.tidemill.v1.HeartbeatTasksRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getHeartbeatTasksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Stores progress or a chunk of output of a leased task. Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.ReportProgressResponse reportProgress(dev.tidemill.v1.ReportProgressRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getReportProgressMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends the attempt and the task: SUCCEEDED; or FAILED with OUTPUT_TOO_LARGE if the output is over its limit. Saying it again is OK.
     * Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.CompleteTaskResponse completeTask(dev.tidemill.v1.CompleteTaskRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCompleteTaskMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends the attempt: the task is retried later, or is a dead letter (FAILED). Saying it again is OK.
     * Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.FailTaskResponse failTask(dev.tidemill.v1.FailTaskRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getFailTaskMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Gives the task back, to the head of its line, without charging an attempt. With `cancelled` it agrees to a cancel request instead
     * and ends the task. Saying it again is OK. Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.ReleaseTaskResponse releaseTask(dev.tidemill.v1.ReleaseTaskRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getReleaseTaskMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service WorkerService.
   * <pre>
   * Hands tasks to handler processes, which are clients of this service, in any language.
   * </pre>
   */
  public static final class WorkerServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<WorkerServiceFutureStub> {
    private WorkerServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected WorkerServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new WorkerServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Leases up to `max` tasks, waiting up to `wait` for the first. Repeating the call with the same request_id within a minute answers
     * with the same leases. Errors: INVALID_REQUEST, STORE_UNAVAILABLE, DRAINING.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.LeaseTasksResponse> leaseTasks(
        dev.tidemill.v1.LeaseTasksRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getLeaseTasksMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Renews leases. Errors: INVALID_REQUEST, STORE_UNAVAILABLE. A lost lease is an answer of its entry, not an error.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.HeartbeatTasksResponse> heartbeatTasks(
        dev.tidemill.v1.HeartbeatTasksRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getHeartbeatTasksMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Stores progress or a chunk of output of a leased task. Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.ReportProgressResponse> reportProgress(
        dev.tidemill.v1.ReportProgressRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getReportProgressMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Ends the attempt and the task: SUCCEEDED; or FAILED with OUTPUT_TOO_LARGE if the output is over its limit. Saying it again is OK.
     * Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.CompleteTaskResponse> completeTask(
        dev.tidemill.v1.CompleteTaskRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCompleteTaskMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Ends the attempt: the task is retried later, or is a dead letter (FAILED). Saying it again is OK.
     * Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.FailTaskResponse> failTask(
        dev.tidemill.v1.FailTaskRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getFailTaskMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Gives the task back, to the head of its line, without charging an attempt. With `cancelled` it agrees to a cancel request instead
     * and ends the task. Saying it again is OK. Errors: INVALID_REQUEST, LEASE_LOST, STORE_UNAVAILABLE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.ReleaseTaskResponse> releaseTask(
        dev.tidemill.v1.ReleaseTaskRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getReleaseTaskMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_LEASE_TASKS = 0;
  private static final int METHODID_HEARTBEAT_TASKS = 1;
  private static final int METHODID_REPORT_PROGRESS = 2;
  private static final int METHODID_COMPLETE_TASK = 3;
  private static final int METHODID_FAIL_TASK = 4;
  private static final int METHODID_RELEASE_TASK = 5;
  private static final int METHODID_WORK = 6;

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
        case METHODID_LEASE_TASKS:
          serviceImpl.leaseTasks((dev.tidemill.v1.LeaseTasksRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.LeaseTasksResponse>) responseObserver);
          break;
        case METHODID_HEARTBEAT_TASKS:
          serviceImpl.heartbeatTasks((dev.tidemill.v1.HeartbeatTasksRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.HeartbeatTasksResponse>) responseObserver);
          break;
        case METHODID_REPORT_PROGRESS:
          serviceImpl.reportProgress((dev.tidemill.v1.ReportProgressRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.ReportProgressResponse>) responseObserver);
          break;
        case METHODID_COMPLETE_TASK:
          serviceImpl.completeTask((dev.tidemill.v1.CompleteTaskRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.CompleteTaskResponse>) responseObserver);
          break;
        case METHODID_FAIL_TASK:
          serviceImpl.failTask((dev.tidemill.v1.FailTaskRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.FailTaskResponse>) responseObserver);
          break;
        case METHODID_RELEASE_TASK:
          serviceImpl.releaseTask((dev.tidemill.v1.ReleaseTaskRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.ReleaseTaskResponse>) responseObserver);
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
        case METHODID_WORK:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.work(
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.WorkResponse>) responseObserver);
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getWorkMethod(),
          io.grpc.stub.ServerCalls.asyncBidiStreamingCall(
            new MethodHandlers<
              dev.tidemill.v1.WorkRequest,
              dev.tidemill.v1.WorkResponse>(
                service, METHODID_WORK)))
        .addMethod(
          getLeaseTasksMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.LeaseTasksRequest,
              dev.tidemill.v1.LeaseTasksResponse>(
                service, METHODID_LEASE_TASKS)))
        .addMethod(
          getHeartbeatTasksMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.HeartbeatTasksRequest,
              dev.tidemill.v1.HeartbeatTasksResponse>(
                service, METHODID_HEARTBEAT_TASKS)))
        .addMethod(
          getReportProgressMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.ReportProgressRequest,
              dev.tidemill.v1.ReportProgressResponse>(
                service, METHODID_REPORT_PROGRESS)))
        .addMethod(
          getCompleteTaskMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.CompleteTaskRequest,
              dev.tidemill.v1.CompleteTaskResponse>(
                service, METHODID_COMPLETE_TASK)))
        .addMethod(
          getFailTaskMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.FailTaskRequest,
              dev.tidemill.v1.FailTaskResponse>(
                service, METHODID_FAIL_TASK)))
        .addMethod(
          getReleaseTaskMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.ReleaseTaskRequest,
              dev.tidemill.v1.ReleaseTaskResponse>(
                service, METHODID_RELEASE_TASK)))
        .build();
  }

  private static abstract class WorkerServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    WorkerServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return dev.tidemill.v1.WorkerServiceOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("WorkerService");
    }
  }

  private static final class WorkerServiceFileDescriptorSupplier
      extends WorkerServiceBaseDescriptorSupplier {
    WorkerServiceFileDescriptorSupplier() {}
  }

  private static final class WorkerServiceMethodDescriptorSupplier
      extends WorkerServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    WorkerServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (WorkerServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new WorkerServiceFileDescriptorSupplier())
              .addMethod(getWorkMethod())
              .addMethod(getLeaseTasksMethod())
              .addMethod(getHeartbeatTasksMethod())
              .addMethod(getReportProgressMethod())
              .addMethod(getCompleteTaskMethod())
              .addMethod(getFailTaskMethod())
              .addMethod(getReleaseTaskMethod())
              .build();
        }
      }
    }
    return result;
  }
}
