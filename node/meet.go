package node

import "context"

// meet opens the network to other devices and looks for them, until ctx ends. With
// a new key it begins anew.
func (n *Node) meet(ctx context.Context) {
	for n.cfg.Network != nil && ctx.Err() == nil {
		var net Network
		var renewed chan struct{}
		if n.call(ctx, func() { net, renewed = n.network, n.renewing }) != nil {
			return
		}
		n.meetOn(ctx, net, renewed)
		net.Close()
		if ctx.Err() == nil {
			n.reopen(ctx)
		}
	}
}

// meetOn uses one network until the device has a new key or ctx ends.
func (n *Node) meetOn(ctx context.Context, net Network, renewed <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-renewed:
			cancel()
		case <-ctx.Done():
		}
	}()
	net.Handle(SyncProtocol, func(s Stream) { n.serve(ctx, s) })
	net.Handle(JoinProtocol, func(s Stream) { n.admit(ctx, s) })
	n.seek(ctx, net)
}
