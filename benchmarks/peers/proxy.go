// A TCP proxy as one writes it in Go: two goroutines a connection, each with io.Copy, which splices
// between two TCP connections on Linux. TCP_NODELAY is Go's default.
package main

import (
	"io"
	"log"
	"net"
	"os"
)

func main() {
	log.SetFlags(0)
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Print(err)
			continue
		}
		go relay(client.(*net.TCPConn), os.Args[2])
	}
}

func relay(client *net.TCPConn, address string) {
	defer client.Close()
	dialed, err := net.Dial("tcp", address)
	if err != nil {
		log.Print(err)
		return
	}
	backend := dialed.(*net.TCPConn)
	defer backend.Close()
	ended := make(chan struct{})
	go func() {
		pass(backend, client)
		close(ended)
	}()
	pass(client, backend)
	<-ended
}

// pass copies until the end of what comes, and passes that on.
func pass(to, from *net.TCPConn) {
	io.Copy(to, from)
	to.CloseWrite()
}
