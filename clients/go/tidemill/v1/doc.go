// Package tidemillv1 has the generated messages and stubs of Tidemill's contract (proto/tidemill/v1). Most programs use the package tidemill
// instead, which makes safe retries, watches that resume, and workers out of them.
package tidemillv1
