/**
 * The generated messages and services of the contract, for what the client does not show.
 *
 * @module
 */

export { StatusSchema, type Status } from "./_gen/google/rpc/status_pb.js";
export * from "./_gen/tidemill/v1/admin_service_pb.js";
export * from "./_gen/tidemill/v1/error_pb.js";
export * from "./_gen/tidemill/v1/gateway_service_pb.js";
export * from "./_gen/tidemill/v1/results_service_pb.js";
export * from "./_gen/tidemill/v1/task_pb.js";
export * from "./_gen/tidemill/v1/worker_service_pb.js";
