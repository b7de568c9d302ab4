package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/api"
)

// A faulty backend fails where its functions say so.
type faulty struct {
	*device
	write  func(crdt.Transaction) error
	scan   func(*crdt.Record) error
	touch  func(*crdt.Touch)
	status func()
	verify func(context.Context) error
}

func (f *faulty) Write(ctx context.Context, tx crdt.Transaction) (crdt.Receipt, error) {
	if f.write != nil {
		if err := f.write(tx); err != nil {
			return crdt.Receipt{}, err
		}
	}
	return f.device.Write(ctx, tx)
}

func (f *faulty) Submit(ctx context.Context, tx crdt.Transaction) (func() (crdt.Receipt, error), error) {
	if f.write != nil {
		if err := f.write(tx); err != nil {
			return func() (crdt.Receipt, error) { return crdt.Receipt{}, err }, nil
		}
	}
	return f.device.Submit(ctx, tx)
}

func (f *faulty) ScanAll(visit func(*crdt.Record) (bool, error)) error {
	return f.device.ScanAll(func(r *crdt.Record) (bool, error) {
		if f.scan != nil {
			if err := f.scan(r); err != nil {
				return false, err
			}
		}
		return visit(r)
	})
}

func (f *faulty) Touches(key crdt.RecordKey) ([]*crdt.Touch, error) {
	touches, err := f.device.Touches(key)
	for _, t := range touches {
		if f.touch != nil {
			f.touch(t)
		}
	}
	return touches, err
}

func (f *faulty) StateRoot() [crdt.HashSize]byte {
	if f.status != nil {
		f.status()
	}
	return f.device.StateRoot()
}

func (f *faulty) Verify(ctx context.Context, progress func(float64)) (api.VerifyReport, error) {
	if f.verify != nil {
		if err := f.verify(ctx); err != nil {
			return api.VerifyReport{}, err
		}
	}
	return f.device.Verify(ctx, progress)
}

func newFaultySite(t *testing.T) (*site, *faulty) {
	f := &faulty{}
	s := newSiteOver(t, func(d *device) api.Backend { f.device = d; return f })
	return s, f
}

func TestDiskFull(t *testing.T) {
	s, f := newFaultySite(t)
	f.write = func(crdt.Transaction) error { return errDiskFull }
	for _, x := range [][3]string{
		{"PUT", "/v1/records/c/a", `{"fields":{"n":1}}`}, {"POST", "/v1/records/c", `{"fields":{"n":1}}`},
		{"POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"a","set":{"n":1}}]}`},
	} {
		doc := s.do(x[0], x[1], x[2]).problem(507, "free some space")
		if doc["title"] != "The disk is nearly full" {
			t.Errorf("problem %v", doc)
		}
	}
	s.do("GET", "/v1/records/c", "").want(200)
}

func TestDiskFullDuringAnImport(t *testing.T) {
	s, f := newFaultySite(t)
	chunks := 0
	f.write = func(tx crdt.Transaction) error {
		if chunks++; chunks > 3 {
			return errDiskFull
		}
		return nil
	}
	doc := s.do("POST", "/v1/import", lines(1000, "c"), ndjson).problem(507, "192 lines were imported before that")
	if strings.Count(doc["detail"].(string), "disk") != 1 {
		t.Errorf("detail %q", doc["detail"])
	}
	if _, records, _, _ := s.device.Counts(); records != 192 {
		t.Errorf("%d records", records)
	}
	chunks = 0
	s.do("POST", "/v1/import?atomic=true", lines(5000, "d"), ndjson).problem(507, "192 lines")
	chunks = 100
	s.do("POST", "/v1/import?atomic=true", lines(10, "e"), ndjson).problem(507, "disk")
}

// A chunk that the device refuses for one of its lines is done again line by line.
func TestImportFindsTheLineThatSpoilsItsChunk(t *testing.T) {
	s, f := newFaultySite(t)
	f.write = func(tx crdt.Transaction) error {
		for _, e := range tx.Edits {
			if e.Key.ID == "00070" {
				return &crdt.EditError{Key: e.Key, Err: errors.New("somebody made it a counter meanwhile")}
			}
		}
		return nil
	}
	r := into[report](s.do("POST", "/v1/import", lines(200, "c"), ndjson))
	if r.counts() != "200 199 0 1" || r.Errors[0].Line != 71 || !strings.Contains(r.Errors[0].Error, "meanwhile") {
		t.Errorf("report %+v", r)
	}
	s.do("POST", "/v1/import?atomic=true", lines(200, "d"), ndjson).problem(422, "Nothing was written")
}

func TestUnknownErrorsStayInTheLog(t *testing.T) {
	s, f := newFaultySite(t)
	f.write = func(crdt.Transaction) error { return errors.New("sector 7 is bad") }
	doc := s.do("PUT", "/v1/records/c/a", `{"fields":{}}`).problem(500, "log")
	id, _ := doc["id"].(string)
	if log := s.log.String(); id == "" || !strings.Contains(log, "id="+id) || !strings.Contains(log, "sector 7 is bad") {
		t.Errorf("problem %v, log\n%s", doc, log)
	}
	if detail := doc["detail"].(string); strings.Contains(detail, "sector") {
		t.Errorf("detail %q", detail)
	}
	s.do("POST", "/v1/import", lines(1, "c"), ndjson).problem(500, "log")
}

func TestPanic(t *testing.T) {
	s, f := newFaultySite(t)
	f.status = func() { panic("a defect") }
	s.do("GET", "/v1/status", "").problem(500, "log")
	f.status = nil
	s.do("GET", "/v1/status", "").want(200)
	if !strings.Contains(s.log.String(), "a defect") {
		t.Error("the panic is not in the log")
	}
}

// An export that cannot go on must not look like one that is whole.
func TestBrokenExport(t *testing.T) {
	s, f := newFaultySite(t)
	s.do("POST", "/v1/import", lines(5000, "c"), ndjson).want(200)
	bad := "00000"
	f.scan = func(r *crdt.Record) error {
		if r.Key.ID == bad {
			return errors.New("sector 7 is bad")
		}
		return nil
	}
	for _, encoding := range []string{"identity", "gzip"} {
		bad = "00000"
		s.do("GET", "/v1/export", "", "Accept-Encoding: "+encoding).problem(500, "log")
		bad = "04999"
		resp, err := s.server.Client().Do(s.request("GET", "/v1/export", "", "Accept-Encoding: "+encoding))
		if err != nil {
			if encoding == "gzip" {
				continue // it all was in the compressor yet
			}
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil {
			t.Errorf("%s: %d bytes came and then a proper end", encoding, len(b))
		}
	}
}

func TestOneVerificationAtATime(t *testing.T) {
	s, f := newFaultySite(t)
	begun := make(chan struct{})
	f.verify = func(ctx context.Context) error {
		close(begun)
		<-ctx.Done() // the device stops
		return ctx.Err()
	}
	done := make(chan *answer)
	go func() { done <- s.do("POST", "/v1/verify", "") }()
	<-begun
	s.do("POST", "/v1/verify", "").problem(409, "already")
	close(s.stop)
	(<-done).problem(503, "Musafir is stopping")
}

func TestImportStopsWithTheDevice(t *testing.T) {
	s := newSite(t)
	r, w := io.Pipe()
	req := s.request("POST", "/v1/import", "", ndjson)
	req.Body = r
	done := make(chan *answer)
	go func() {
		resp, err := s.server.Client().Do(req)
		if err != nil {
			t.Error(err)
			close(done)
			return
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		done <- &answer{t: t, what: "import", status: resp.StatusCode, header: resp.Header, body: b}
	}()
	for part := range strings.Lines(lines(100, "c")) {
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
	}
	close(s.stop)
	go func() { _, _ = io.WriteString(w, lines(100, "d")) }() // the server may not take it any more
	if a := <-done; a != nil {
		a.problem(http.StatusServiceUnavailable, "stopping")
	}
	w.Close()
}

// A document whose sender is cut off by a stop is no defect of ours.
func TestDocumentCutByAStop(t *testing.T) {
	s := newSite(t)
	begun := make(chan struct{})
	cfg := s.config(s.device)
	cfg.Token = func() string { close(begun); return token }
	server := httptest.NewServer(api.New(cfg).Handler())
	r, w := io.Pipe()
	req := s.request("PUT", "/v1/records/c/a", "")
	req.URL.Host = strings.TrimPrefix(server.URL, "http://")
	req.Body = r
	done := make(chan error)
	go func() {
		resp, err := server.Client().Do(req)
		if err == nil {
			resp.Body.Close()
		}
		done <- err
	}()
	if _, err := io.WriteString(w, `{"fields":`); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := server.Config.Close(); err != nil {
		t.Error(err)
	}
	w.Close() // the client waits for it
	if err := <-done; err == nil {
		t.Error("the request was answered")
	}
	server.Close() // waits for what is logged
	if log := s.log.String(); strings.Contains(log, "level=ERROR") || !strings.Contains(log, `level=WARN msg="request broke off" method=PUT route=/v1/records/{collection}/{id}`) {
		t.Errorf("log:\n%s", log)
	}
}
