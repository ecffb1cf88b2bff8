/** The bytes of a message, or the reason for which the other end has ended the link. */
export type Parcel = Buffer | string
