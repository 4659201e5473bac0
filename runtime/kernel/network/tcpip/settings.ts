// The settings of the component, as the compiler derives them from the manifest, with addresses read.
import { NETWORK_INTERFACE } from "../constants.ts";
import type { Network } from "./ip/ip_address.ts";
import { parseAddress, parseNetwork } from "./ip/address_text.ts";

/** Parts of TCP that can be left out, to meet peers that lack them. */
export interface TcpFeatures {
  timestamps: boolean;
  selectiveAcknowledgements: boolean;
  windowScaling: boolean;
}

export interface StackSettings {
  /** of the network interface */
  name: string;
  addresses: Network[];
  gateways: Uint8Array[];
  /** for programs to ask; the stack asks nobody */
  nameServers: string[];
  tcp: TcpFeatures;
}

/** @throws Error naming what is no address */
export function readSettings(settings: Record<string, unknown>): StackSettings {
  const {
    addresses = [],
    gateway,
    gateway6,
    nameServers = [],
    name = NETWORK_INTERFACE,
    tcp = {},
  } = settings as {
    addresses?: string[];
    gateway?: string;
    gateway6?: string;
    nameServers?: string[];
    name?: string;
    tcp?: Partial<TcpFeatures>;
  };
  const gateways = [gateway, gateway6].filter((each) => each !== undefined);
  return {
    name,
    addresses: addresses.map(parseNetwork),
    gateways: gateways.map(parseAddress),
    nameServers,
    tcp: { timestamps: true, selectiveAcknowledgements: true, windowScaling: true, ...tcp },
  };
}
