package tidemill

import (
	"strings"
	"testing"
)

func TestTheEnvironmentNamesTheAddresses(t *testing.T) {
	const main, results, worker = "http://main:1", "http://results:2", "http://worker:3"
	for _, c := range []struct {
		name        string
		environment [3]string
		options     []ClientOption
		want        [3]string
	}{
		{"nothing", [3]string{}, nil, [3]string{DefaultURL, DefaultURL, DefaultURL}},
		{"one for all", [3]string{main, "", ""}, nil, [3]string{main, main, main}},
		{"one each", [3]string{main, results, worker}, nil, [3]string{main, results, worker}},
		{"only the worker's", [3]string{"", "", worker}, nil, [3]string{DefaultURL, DefaultURL, worker}},
		{"an option counts more", [3]string{main, results, worker}, []ClientOption{WithResultsURL("http://other:4")},
			[3]string{main, "http://other:4", worker}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, name := range []string{"TIDEMILL_URL", "TIDEMILL_RESULTS_URL", "TIDEMILL_WORKER_URL"} {
				t.Setenv(name, c.environment[i])
			}
			client, err := FromEnv(c.options...)
			if err != nil {
				t.Fatal(err)
			}
			if got := [3]string{client.gateway.address, client.results.address, client.worker.address}; got != c.want {
				t.Errorf("%v", got)
			}
		})
	}
	t.Setenv("TIDEMILL_URL", "ftp://mill")
	if _, err := FromEnv(); of(t, err).Kind != KindInvalid || !strings.Contains(err.Error(), "`ftp://mill`") {
		t.Error(err)
	}
}
