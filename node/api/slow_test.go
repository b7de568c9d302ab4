package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"musafir/node/api"
)

// A bubble serves the API over pipes, in a time of its own.
type bubble struct {
	t      *testing.T
	device *device
	stop   chan struct{}
	conns  chan net.Conn
	server *http.Server
}

func (b *bubble) Accept() (net.Conn, error) {
	c, ok := <-b.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (b *bubble) Close() error   { close(b.conns); return nil }
func (b *bubble) Addr() net.Addr { return &net.UnixAddr{Name: "here", Net: "pipe"} }

func inBubble(t *testing.T, f func(*bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, device: newDevice(t), stop: make(chan struct{}), conns: make(chan net.Conn)}
		b.device.run(t)
		h := api.New(api.Config{
			Backend: b.device, Token: func() string { return token }, Log: slog.New(slog.DiscardHandler), Stopping: b.stop,
		})
		b.server = &http.Server{Handler: h.Handler()}
		go func() { _ = b.server.Serve(b) }()
		f(b)
		if err := b.server.Close(); err != nil {
			t.Error(err)
		}
	})
}

// pass lets a bubble's time go by.
func pass(d time.Duration) { <-time.After(d) }

// dial sends the head of a request.
func (b *bubble) dial(head string) net.Conn {
	b.t.Helper()
	ours, theirs := net.Pipe()
	b.conns <- theirs
	head = strings.ReplaceAll(head, "\n", "\r\n")
	if _, err := fmt.Fprintf(ours, "%s\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", head, token); err != nil {
		b.t.Fatal(err)
	}
	return ours
}

func (b *bubble) fill(n int) {
	b.t.Helper()
	body := lines(n, "c")
	c := b.dial(fmt.Sprintf("POST /v1/import HTTP/1.1\nContent-Type: application/x-ndjson\nContent-Length: %d", len(body)))
	defer c.Close()
	go func() { _, _ = io.WriteString(c, body) }()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 200 {
		b.t.Fatalf("fill: %v %v", resp, err)
	}
}

// ended reads what is left and tells how long it took.
func ended(t *testing.T, r io.Reader) (bytes int64, took time.Duration) {
	t.Helper()
	start := time.Now()
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		t.Logf("the connection ended: %v", err)
	}
	return n, time.Since(start)
}

func TestSlowReaderIsLetGo(t *testing.T) {
	for _, path := range []string{"/v1/export", "/v1/changes", "/v1/changes?follow=1", "/v1/records/c?limit=10000"} {
		t.Run(path, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.fill(3000)
				c := b.dial("GET " + path + " HTTP/1.1")
				defer c.Close()
				in := bufio.NewReader(c)
				if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
					t.Fatalf("%s %v", line, err)
				}
				pass(2 * time.Minute) // it takes nothing
				n, _ := ended(t, in)
				if n > 128<<10 {
					t.Errorf("after two minutes %d bytes more came", n)
				}
			})
		})
	}
}

// A reader that is slow but reads gets all of it.
func TestPatientWithSlowReaders(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.fill(3000)
		c := b.dial("GET /v1/export HTTP/1.1")
		defer c.Close()
		resp, err := http.ReadResponse(bufio.NewReader(&slowReader{c}), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || string(got) != lines(3000, "c") {
			t.Errorf("%d bytes came: %v", len(got), err)
		}
	})
}

// A slowReader takes a second for each read.
type slowReader struct{ r io.Reader }

func (s *slowReader) Read(p []byte) (int, error) {
	pass(time.Second)
	return s.r.Read(p)
}

func TestSlowWriterIsLetGo(t *testing.T) {
	for _, path := range []string{"/v1/import", "/v1/transactions"} {
		t.Run(path, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				kind := map[string]string{"/v1/import": "application/x-ndjson", "/v1/transactions": "application/json"}[path]
				c := b.dial("POST " + path + " HTTP/1.1\nContent-Type: " + kind + "\nContent-Length: 1000000")
				defer c.Close()
				for line := range strings.Lines(lines(5, "c")) { // with patience: four minutes
					if _, err := io.WriteString(c, line); err != nil {
						t.Fatal(err)
					}
					pass(50 * time.Second)
				}
				start := time.Now()
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != http.StatusRequestTimeout || time.Since(start) > time.Minute {
					t.Errorf("%s after %s: %s", resp.Status, time.Since(start), body)
				}
				if path == "/v1/import" && !strings.Contains(string(body), `"imported":5`) {
					t.Errorf("%s", body)
				}
			})
		})
	}
}

// A body that came long ago must not end a request that takes its time.
func TestLongRequestAfterItsBody(t *testing.T) {
	inBubble(t, func(b *bubble) {
		c := b.dial("GET /v1/changes?follow=1 HTTP/1.1\nAccept: text/event-stream\nContent-Length: 0")
		defer c.Close()
		in := bufio.NewReader(c)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		events := bufio.NewReader(resp.Body)
		start := time.Now()
		for range 20 {
			if line, err := events.ReadString('\n'); err != nil || line != ":\n" {
				t.Fatalf("%q %v", line, err)
			}
			if _, err := events.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 5*time.Minute {
			t.Errorf("20 comments in %s", took)
		}
	})
}

func TestKeepAliveConnectionOutlivesItsDeadlines(t *testing.T) {
	inBubble(t, func(b *bubble) {
		ours, theirs := net.Pipe()
		b.conns <- theirs
		client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return ours, nil
		}}}
		defer client.CloseIdleConnections()
		for i := range 3 {
			body := fmt.Sprintf(`{"fields":{"n":%d}}`, i)
			req, err := http.NewRequest("PUT", "http://localhost/v1/records/c/a", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/json")
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode >= 300 {
				t.Errorf("%s %v", resp.Status, err)
			}
			resp.Body.Close()
			pass(10 * time.Minute)
		}
	})
}
