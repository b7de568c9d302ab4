package api

import (
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/exchange"
)

// pageBytes is about how much is written at once.
const pageBytes = 64 << 10

func (s *Server) export(c *call) error {
	collection, err := c.collection()
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", linesType)
	h.Add("Vary", "Accept-Encoding")
	var out io.Writer = c.w
	var zip *gzip.Writer
	if takesGzip(c.r) {
		h.Set("Content-Encoding", "gzip")
		zip, _ = gzip.NewWriterLevel(c.w, gzip.BestSpeed) // a level that there is
		out = zip
	}
	if err := s.exportTo(c, out, collection); err != nil {
		if c.w.Status == 0 {
			h.Del("Content-Encoding")
		}
		return err
	}
	if zip != nil {
		return zip.Close()
	}
	if c.w.Status == 0 {
		c.w.WriteHeader(http.StatusOK)
	}
	return nil
}

// exportTo writes the live records, a chunk at a time.
func (s *Server) exportTo(c *call, out io.Writer, collection string) error {
	b := make([]byte, 0, 2*pageBytes)
	visit := func(r *crdt.Record) (bool, error) {
		b = exchange.AppendLine(b, exchange.Line{Key: r.Key, Fields: clinic.Shown(r.Key.Collection, r.View().Fields)})
		if len(b) < pageBytes {
			return true, nil
		}
		if s.stopping() {
			return false, errStopping
		}
		_, err := out.Write(b)
		b = b[:0]
		return true, err
	}
	var err error
	if collection == "" {
		err = s.backend.ScanAll(visit)
	} else {
		err = s.backend.Scan(collection, "", visit)
	}
	if err == nil && len(b) > 0 {
		_, err = out.Write(b)
	}
	return err
}

// takesGzip tells whether the client said so, and not with a weight of 0.
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, weighted := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return !weighted || strings.ContainsAny(weight, "123456789")
		}
	}
	return false
}
