package dev.tidemill.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Looks at queues and tasks. Read-only.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class AdminServiceGrpc {

  private AdminServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "tidemill.v1.AdminService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.ListQueuesRequest,
      dev.tidemill.v1.ListQueuesResponse> getListQueuesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListQueues",
      requestType = dev.tidemill.v1.ListQueuesRequest.class,
      responseType = dev.tidemill.v1.ListQueuesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.ListQueuesRequest,
      dev.tidemill.v1.ListQueuesResponse> getListQueuesMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.ListQueuesRequest, dev.tidemill.v1.ListQueuesResponse> getListQueuesMethod;
    if ((getListQueuesMethod = AdminServiceGrpc.getListQueuesMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getListQueuesMethod = AdminServiceGrpc.getListQueuesMethod) == null) {
          AdminServiceGrpc.getListQueuesMethod = getListQueuesMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.ListQueuesRequest, dev.tidemill.v1.ListQueuesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListQueues"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.ListQueuesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.ListQueuesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("ListQueues"))
              .build();
        }
      }
    }
    return getListQueuesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.GetQueueRequest,
      dev.tidemill.v1.GetQueueResponse> getGetQueueMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetQueue",
      requestType = dev.tidemill.v1.GetQueueRequest.class,
      responseType = dev.tidemill.v1.GetQueueResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.GetQueueRequest,
      dev.tidemill.v1.GetQueueResponse> getGetQueueMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.GetQueueRequest, dev.tidemill.v1.GetQueueResponse> getGetQueueMethod;
    if ((getGetQueueMethod = AdminServiceGrpc.getGetQueueMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getGetQueueMethod = AdminServiceGrpc.getGetQueueMethod) == null) {
          AdminServiceGrpc.getGetQueueMethod = getGetQueueMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.GetQueueRequest, dev.tidemill.v1.GetQueueResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetQueue"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.GetQueueRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.GetQueueResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("GetQueue"))
              .build();
        }
      }
    }
    return getGetQueueMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.ListTasksRequest,
      dev.tidemill.v1.ListTasksResponse> getListTasksMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListTasks",
      requestType = dev.tidemill.v1.ListTasksRequest.class,
      responseType = dev.tidemill.v1.ListTasksResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.ListTasksRequest,
      dev.tidemill.v1.ListTasksResponse> getListTasksMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.ListTasksRequest, dev.tidemill.v1.ListTasksResponse> getListTasksMethod;
    if ((getListTasksMethod = AdminServiceGrpc.getListTasksMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getListTasksMethod = AdminServiceGrpc.getListTasksMethod) == null) {
          AdminServiceGrpc.getListTasksMethod = getListTasksMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.ListTasksRequest, dev.tidemill.v1.ListTasksResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListTasks"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.ListTasksRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.ListTasksResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("ListTasks"))
              .build();
        }
      }
    }
    return getListTasksMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.tidemill.v1.GetTaskRequest,
      dev.tidemill.v1.GetTaskResponse> getGetTaskMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetTask",
      requestType = dev.tidemill.v1.GetTaskRequest.class,
      responseType = dev.tidemill.v1.GetTaskResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.tidemill.v1.GetTaskRequest,
      dev.tidemill.v1.GetTaskResponse> getGetTaskMethod() {
    io.grpc.MethodDescriptor<dev.tidemill.v1.GetTaskRequest, dev.tidemill.v1.GetTaskResponse> getGetTaskMethod;
    if ((getGetTaskMethod = AdminServiceGrpc.getGetTaskMethod) == null) {
      synchronized (AdminServiceGrpc.class) {
        if ((getGetTaskMethod = AdminServiceGrpc.getGetTaskMethod) == null) {
          AdminServiceGrpc.getGetTaskMethod = getGetTaskMethod =
              io.grpc.MethodDescriptor.<dev.tidemill.v1.GetTaskRequest, dev.tidemill.v1.GetTaskResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetTask"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.GetTaskRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.tidemill.v1.GetTaskResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AdminServiceMethodDescriptorSupplier("GetTask"))
              .build();
        }
      }
    }
    return getGetTaskMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static AdminServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminServiceStub>() {
        @java.lang.Override
        public AdminServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminServiceStub(channel, callOptions);
        }
      };
    return AdminServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static AdminServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminServiceBlockingV2Stub>() {
        @java.lang.Override
        public AdminServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return AdminServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static AdminServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminServiceBlockingStub>() {
        @java.lang.Override
        public AdminServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminServiceBlockingStub(channel, callOptions);
        }
      };
    return AdminServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static AdminServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AdminServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AdminServiceFutureStub>() {
        @java.lang.Override
        public AdminServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AdminServiceFutureStub(channel, callOptions);
        }
      };
    return AdminServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Looks at queues and tasks. Read-only.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Lists the queues of the namespace, by name. Errors: INVALID_REQUEST, STORE_UNAVAILABLE.
     * </pre>
     */
    default void listQueues(dev.tidemill.v1.ListQueuesRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.ListQueuesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListQueuesMethod(), responseObserver);
    }

    /**
     * <pre>
     * One queue with its kinds. Errors: INVALID_REQUEST, QUEUE_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    default void getQueue(dev.tidemill.v1.GetQueueRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.GetQueueResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetQueueMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists tasks of one queue and state, without payloads: QUEUED in the order of leasing within each kind and priority; FAILED newest first;
     * others in no promised order. A page may hold fewer than page_size tasks, even none; only an empty next_page_token means the end.
     * Errors: INVALID_REQUEST, STORE_UNAVAILABLE.
     * </pre>
     */
    default void listTasks(dev.tidemill.v1.ListTasksRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.ListTasksResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListTasksMethod(), responseObserver);
    }

    /**
     * <pre>
     * One task, with payloads. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    default void getTask(dev.tidemill.v1.GetTaskRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.GetTaskResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetTaskMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service AdminService.
   * <pre>
   * Looks at queues and tasks. Read-only.
   * </pre>
   */
  public static abstract class AdminServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return AdminServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service AdminService.
   * <pre>
   * Looks at queues and tasks. Read-only.
   * </pre>
   */
  public static final class AdminServiceStub
      extends io.grpc.stub.AbstractAsyncStub<AdminServiceStub> {
    private AdminServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Lists the queues of the namespace, by name. Errors: INVALID_REQUEST, STORE_UNAVAILABLE.
     * </pre>
     */
    public void listQueues(dev.tidemill.v1.ListQueuesRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.ListQueuesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListQueuesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * One queue with its kinds. Errors: INVALID_REQUEST, QUEUE_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public void getQueue(dev.tidemill.v1.GetQueueRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.GetQueueResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetQueueMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists tasks of one queue and state, without payloads: QUEUED in the order of leasing within each kind and priority; FAILED newest first;
     * others in no promised order. A page may hold fewer than page_size tasks, even none; only an empty next_page_token means the end.
     * Errors: INVALID_REQUEST, STORE_UNAVAILABLE.
     * </pre>
     */
    public void listTasks(dev.tidemill.v1.ListTasksRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.ListTasksResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListTasksMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * One task, with payloads. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public void getTask(dev.tidemill.v1.GetTaskRequest request,
        io.grpc.stub.StreamObserver<dev.tidemill.v1.GetTaskResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetTaskMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service AdminService.
   * <pre>
   * Looks at queues and tasks. Read-only.
   * </pre>
   */
  public static final class AdminServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<AdminServiceBlockingV2Stub> {
    private AdminServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Lists the queues of the namespace, by name. Errors: INVALID_REQUEST, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.ListQueuesResponse listQueues(dev.tidemill.v1.ListQueuesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListQueuesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * One queue with its kinds. Errors: INVALID_REQUEST, QUEUE_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.GetQueueResponse getQueue(dev.tidemill.v1.GetQueueRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetQueueMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists tasks of one queue and state, without payloads: QUEUED in the order of leasing within each kind and priority; FAILED newest first;
     * others in no promised order. A page may hold fewer than page_size tasks, even none; only an empty next_page_token means the end.
     * Errors: INVALID_REQUEST, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.ListTasksResponse listTasks(dev.tidemill.v1.ListTasksRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListTasksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * One task, with payloads. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.GetTaskResponse getTask(dev.tidemill.v1.GetTaskRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetTaskMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service AdminService.
   * <pre>
   * Looks at queues and tasks. Read-only.
   * </pre>
   */
  public static final class AdminServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<AdminServiceBlockingStub> {
    private AdminServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Lists the queues of the namespace, by name. Errors: INVALID_REQUEST, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.ListQueuesResponse listQueues(dev.tidemill.v1.ListQueuesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListQueuesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * One queue with its kinds. Errors: INVALID_REQUEST, QUEUE_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.GetQueueResponse getQueue(dev.tidemill.v1.GetQueueRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetQueueMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists tasks of one queue and state, without payloads: QUEUED in the order of leasing within each kind and priority; FAILED newest first;
     * others in no promised order. A page may hold fewer than page_size tasks, even none; only an empty next_page_token means the end.
     * Errors: INVALID_REQUEST, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.ListTasksResponse listTasks(dev.tidemill.v1.ListTasksRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListTasksMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * One task, with payloads. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public dev.tidemill.v1.GetTaskResponse getTask(dev.tidemill.v1.GetTaskRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetTaskMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service AdminService.
   * <pre>
   * Looks at queues and tasks. Read-only.
   * </pre>
   */
  public static final class AdminServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<AdminServiceFutureStub> {
    private AdminServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AdminServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AdminServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Lists the queues of the namespace, by name. Errors: INVALID_REQUEST, STORE_UNAVAILABLE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.ListQueuesResponse> listQueues(
        dev.tidemill.v1.ListQueuesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListQueuesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * One queue with its kinds. Errors: INVALID_REQUEST, QUEUE_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.GetQueueResponse> getQueue(
        dev.tidemill.v1.GetQueueRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetQueueMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists tasks of one queue and state, without payloads: QUEUED in the order of leasing within each kind and priority; FAILED newest first;
     * others in no promised order. A page may hold fewer than page_size tasks, even none; only an empty next_page_token means the end.
     * Errors: INVALID_REQUEST, STORE_UNAVAILABLE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.ListTasksResponse> listTasks(
        dev.tidemill.v1.ListTasksRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListTasksMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * One task, with payloads. Errors: INVALID_REQUEST, TASK_NOT_FOUND, STORE_UNAVAILABLE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.tidemill.v1.GetTaskResponse> getTask(
        dev.tidemill.v1.GetTaskRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetTaskMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_LIST_QUEUES = 0;
  private static final int METHODID_GET_QUEUE = 1;
  private static final int METHODID_LIST_TASKS = 2;
  private static final int METHODID_GET_TASK = 3;

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
        case METHODID_LIST_QUEUES:
          serviceImpl.listQueues((dev.tidemill.v1.ListQueuesRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.ListQueuesResponse>) responseObserver);
          break;
        case METHODID_GET_QUEUE:
          serviceImpl.getQueue((dev.tidemill.v1.GetQueueRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.GetQueueResponse>) responseObserver);
          break;
        case METHODID_LIST_TASKS:
          serviceImpl.listTasks((dev.tidemill.v1.ListTasksRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.ListTasksResponse>) responseObserver);
          break;
        case METHODID_GET_TASK:
          serviceImpl.getTask((dev.tidemill.v1.GetTaskRequest) request,
              (io.grpc.stub.StreamObserver<dev.tidemill.v1.GetTaskResponse>) responseObserver);
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
          getListQueuesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.ListQueuesRequest,
              dev.tidemill.v1.ListQueuesResponse>(
                service, METHODID_LIST_QUEUES)))
        .addMethod(
          getGetQueueMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.GetQueueRequest,
              dev.tidemill.v1.GetQueueResponse>(
                service, METHODID_GET_QUEUE)))
        .addMethod(
          getListTasksMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.ListTasksRequest,
              dev.tidemill.v1.ListTasksResponse>(
                service, METHODID_LIST_TASKS)))
        .addMethod(
          getGetTaskMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.tidemill.v1.GetTaskRequest,
              dev.tidemill.v1.GetTaskResponse>(
                service, METHODID_GET_TASK)))
        .build();
  }

  private static abstract class AdminServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    AdminServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return dev.tidemill.v1.AdminServiceOuterClass.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("AdminService");
    }
  }

  private static final class AdminServiceFileDescriptorSupplier
      extends AdminServiceBaseDescriptorSupplier {
    AdminServiceFileDescriptorSupplier() {}
  }

  private static final class AdminServiceMethodDescriptorSupplier
      extends AdminServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    AdminServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (AdminServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new AdminServiceFileDescriptorSupplier())
              .addMethod(getListQueuesMethod())
              .addMethod(getGetQueueMethod())
              .addMethod(getListTasksMethod())
              .addMethod(getGetTaskMethod())
              .build();
        }
      }
    }
    return result;
  }
}
