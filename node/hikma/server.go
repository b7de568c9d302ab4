package hikma

import "net/http"

// A Server lets phones in and serves them. It starts nothing of its own.
type Server struct {
	cfg Config
}

// New makes a server.
func New(cfg Config) *Server { return &Server{cfg: cfg} }

// Handler serves phones. The http.Server around it should have a ReadHeaderTimeout and
// an IdleTimeout, and no WriteTimeout: deadlines for bodies are set here, by the chunk.
func (s *Server) Handler() http.Handler { return http.NotFoundHandler() }

// PairingCode is the text of the QR code by which phones find this device. url is
// http://HOST:PORT.
func (s *Server) PairingCode(url string) string { return "" }

// Hub is what a phone knows this device as: the id is the camp's, the key its own.
func (s *Server) Hub() (id, key string) { return "", "" }
