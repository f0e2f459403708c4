package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/pbx-operator/pbx-operator/hack/run/child"
)

const (
	operatorStartLimit = time.Minute
	operatorStopGrace  = 15 * time.Second
)

// startOperator returns when the operator says that it is ready. Where the API server stamps who changed a spec, the
// operator believes the stamp.
func startOperator(ctx context.Context, c *cluster, stamped bool) (*child.Process, error) {
	port, err := child.FreePort()
	if err != nil {
		return nil, err
	}
	probe := "127.0.0.1:" + strconv.Itoa(port)
	args := []string{
		"--data-dir=" + c.data,
		"--metrics-bind-address=127.0.0.1:0",
		"--health-probe-bind-address=" + probe,
		"--leader-elect=false",
		"--trust-requester-annotation=" + strconv.FormatBool(stamped),
	}
	if c.kubectl.kubeconfig != "" {
		args = append(args, "--kubeconfig="+c.kubectl.kubeconfig)
	}
	fmt.Println("Starting the operator ...")
	rotate("operator")
	process, err := child.Start(child.Spec{Path: "bin/pbx-operator", Args: args, Log: logOf("operator")})
	if err != nil {
		return nil, err
	}
	remember(process)
	if err := awaitOperator(ctx, process, "http://"+probe+"/readyz"); err != nil {
		process.Kill()
		return nil, err
	}
	return process, nil
}

func awaitOperator(ctx context.Context, process *child.Process, url string) error {
	ctx, cancel := context.WithTimeout(ctx, operatorStartLimit)
	defer cancel()
	client := &http.Client{Timeout: time.Second}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if answers(ctx, client, url) {
			return nil
		}
		select {
		case <-tick.C:
		case <-process.Done():
			return operatorEnded(process)
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fmt.Errorf("the operator is not ready after %s; the end of %s:\n%s",
				operatorStartLimit, logOf("operator"), tail("operator"))
		}
	}
}

func answers(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func operatorEnded(process *child.Process) error {
	return fmt.Errorf("the operator has ended (%s); the end of %s:\n%s",
		process.Outcome(), logOf("operator"), tail("operator"))
}
