// Calls over HTTP/2 in the clear with golang.org/x/net/http2: http2-go URL. A hundred streams at a time, some with trailers, a body of
// 16 MB, streams that are reset, and one more call behind them; all on one connection.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"golang.org/x/net/http2"
)

const (
	parallel  = 100
	resets    = 5
	bigBytes  = 16_000_000
	path      = "/v1/chat/completions"
	ownTokens = "Bearer sk-made-up-go-planted"
)

type client struct {
	http *http.Client
	url  string
}

func body(text, model string, stream bool) string {
	return fmt.Sprintf(`{"model":%q,"stream":%t,"messages":[{"role":"user","content":%q}]}`, model, stream, text)
}

// request asks for a call. With trailers the body's length isn't told, and a field follows it.
func (c client) request(ctx context.Context, n int, content string, trailers bool) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, strings.NewReader(content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("content-type", "application/json")
	request.Header.Set("authorization", ownTokens)
	request.Header.Set("x-agent-id", fmt.Sprintf("go-%d", n%7))
	if trailers {
		request.ContentLength = -1
		request.Trailer = http.Header{"X-Checksum": {fmt.Sprintf("%08x", len(content))}}
	}
	return c.http.Do(request)
}

func (c client) ask(n int, content string, trailers bool) error {
	response, err := c.request(context.Background(), n, content, trailers)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
		return fmt.Errorf("%s, %s", response.Status, response.Proto)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// giveUp reads the first bytes of an answer and resets the stream.
func (c client) giveUp(n int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	response, err := c.request(ctx, n, body(fmt.Sprintf("never mind %d", n), "fake-slow", true), false)
	if err != nil {
		return err
	}
	_, err = response.Body.Read(make([]byte, 64))
	cancel()
	response.Body.Close()
	return err
}

func (c client) run() error {
	var group sync.WaitGroup
	failures := make(chan error, parallel+resets)
	for n := range parallel {
		group.Go(func() { failures <- c.ask(n, body(fmt.Sprintf("go %d", n), "fake-parallel", n%2 == 0), n%5 == 0) })
	}
	group.Wait()
	if err := c.ask(1, body(strings.Repeat("x", bigBytes), "fake-parallel", false), false); err != nil {
		return err
	}
	for n := range resets {
		group.Go(func() { failures <- c.giveUp(n) })
	}
	group.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return c.ask(2, body("one more", "fake-parallel", true), true)
}

func main() {
	transport := &http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, address)
		},
		StrictMaxConcurrentStreams: true,
	}
	if err := (client{&http.Client{Transport: transport}, os.Args[1]}).run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	transport.CloseIdleConnections()
}
